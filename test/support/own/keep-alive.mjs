// Loaded by `--import`: keeps a process alive that has done all its work.
setInterval(() => {}, 1_000_000);
