"""Jobs: durable ingestions of many files, which can be watched, paused and gone on with."""
