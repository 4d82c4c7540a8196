/** Style sheets, which esbuild puts into dist/console/main.css. */
declare module '*.css';
