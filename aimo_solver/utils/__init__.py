"""What every room uses: files, paths, logs, deadlines."""
