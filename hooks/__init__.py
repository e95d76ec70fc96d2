"""The webhooks that Metacontroller calls: stateless functions from the observed world to the desired one."""
