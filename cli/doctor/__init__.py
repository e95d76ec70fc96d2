"""doctor: is the installation as it has to be?"""
