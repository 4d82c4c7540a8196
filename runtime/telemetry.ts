/**
 * Tells onnxruntime to report nothing to its maker. Left on, it also keeps a thread and 3 MB in each process and leaves
 * an empty `mat-debug-<pid>.log` in TMPDIR, one per model host. It looks at the environment when it is loaded, which is
 * why threads.ts and processes.ts, by which every process and thread with a model is started, import this first.
 */
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';
