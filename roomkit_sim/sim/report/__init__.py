"""Reports of runs: tables, summaries, pages, and what a failure looks like in a terminal."""
