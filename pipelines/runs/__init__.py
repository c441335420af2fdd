"""Where unfinished work is kept until it is finished: in a folder or an object store."""
