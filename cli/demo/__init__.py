"""The main job, shown: from an empty machine to two jobs that survive a killed JobManager."""
