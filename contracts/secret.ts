/**
 * A secret in a configuration: where it is, never the secret itself. So a configuration can be shown, logged and sent
 * without giving one away. runtime/secrets.ts reads it at the moment of its use.
 */
import { z } from 'zod';

const FromEnvironmentSchema = z.strictObject({
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'the name of an environment variable')
    .describe('Environment variable that holds the secret.'),
});

const FromFileSchema = z.strictObject({
  file: z.string().min(1).describe('File that holds the secret.'),
  field: z.string().min(1).optional().describe('The file is a JSON object, and this field of it is the secret.'),
});

/** Its messages never repeat the value, which may be a secret that was written here by mistake. */
export const SecretSchema = z.union([FromEnvironmentSchema, FromFileSchema], {
  error: ({ input }) =>
    typeof input === 'string'
      ? 'a secret is not written here itself; write {"env": "NAME"} or {"file": "path"}, which say where it is'
      : 'write {"env": "NAME"} or {"file": "path"}, which say where the secret is',
});
export type Secret = z.infer<typeof SecretSchema>;

/** A value that may be a secret, such as that of a header. */
export const TextOrSecretSchema = z.union([z.string(), FromEnvironmentSchema, FromFileSchema], {
  error: 'a text; or {"env": "NAME"} or {"file": "path"}, which say where a secret is',
});
export type TextOrSecret = z.infer<typeof TextOrSecretSchema>;

/** For messages: `the environment variable NAME`, `the file /run/secrets/x`. */
export function nameOfSecret(secret: Secret): string {
  if ('env' in secret) return `the environment variable ${secret.env}`;
  return secret.field === undefined ? `the file ${secret.file}` : `"${secret.field}" in the file ${secret.file}`;
}
