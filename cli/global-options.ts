/** The options that every command has; their help is in program.ts. */
export interface GlobalOptions {
  /** Path of the configuration file. */
  readonly config?: string;
  /** URL of the server of a running system. */
  readonly server?: string;
}
