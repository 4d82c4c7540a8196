/**
 * First module of a child process that has a channel to its parent: leaves signals to the parent and ends with it. A
 * Ctrl-C or a `systemctl stop` reaches the whole process group; the parent still needs its children to answer what is
 * under way, and ends them itself.
 */
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => {});
process.on('disconnect', () => process.exit());
