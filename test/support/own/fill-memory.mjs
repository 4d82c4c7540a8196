// Loaded by `--import`: a process that gets SIGUSR2 takes memory until its limit ends it.
process.on('SIGUSR2', () => {
  const held = [];
  for (;;) held.push(Array.from({ length: 100_000 }, () => held.length));
});
