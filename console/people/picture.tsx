/** An image of a person, fetched when somebody asks to see it. It stays in the page alone. */
import { useState } from 'preact/hooks';
import { pictureAt, type ApiError } from '../state/api.ts';
import { picturePath } from './api.ts';

export interface PictureProps {
  readonly model: string;
  /** As the gateway takes it: a change that waits, or a person's image by its digest. */
  readonly of: object;
  /** For those who do not see it. */
  readonly alt: string;
  readonly label: string;
}

export function Picture({ model, of, alt, label }: PictureProps) {
  const [address, setAddress] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  const show = () =>
    void pictureAt(picturePath(model), of).then(
      setAddress,
      (error: unknown) => setProblem((error as ApiError).message), // pictureAt throws no other.
    );
  if (address !== null) return <img class="face" src={address} alt={alt} />;
  if (problem !== null) return <span class="failed">{problem}</span>;
  return (
    <button type="button" class="plain" onClick={show} aria-label={`Show: ${alt}`}>
      {label}
    </button>
  );
}
