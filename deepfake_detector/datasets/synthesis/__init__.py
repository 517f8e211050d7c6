"""The drawn people of the demo: who they are, how they are forged, how they are filmed."""
