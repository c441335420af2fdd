"""Processes of this machine: started, followed, ended with whoever started them; their locks."""
