// First module of every child process: leaves signals to the parent, teaches the process TypeScript, then loads its own
// module. A Ctrl-C or a `systemctl stop` reaches the whole process group; the parent still needs its children to answer
// what is under way, and ends them itself.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
process.on('disconnect', () => process.exit());

const { register } = await import('tsx/esm/api');
register();
await import(process.argv[2]);
