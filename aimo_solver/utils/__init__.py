"""What every package uses: files, paths, logs, deadlines, exit codes."""
