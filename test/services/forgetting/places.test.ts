import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { kvStreamName, objectStreamName, streamsOf } from '../../../infra/topology/streams.ts';
import { PLACES } from '../../../services/forgetting/places.ts';

test('places: every stream and bucket of the topology has a way in which a person is taken out of it', () => {
  const stored = streamsOf({ replicas: 1 }).map(({ name }) => name);
  const covered = Object.keys(PLACES).flatMap((place) => [place, kvStreamName(place), objectStreamName(place)]);
  assert.equal(
    stored.filter((name) => !covered.includes(name)),
    [],
  );
});

test('places: no place is listed that is not there', () => {
  const stored = streamsOf({ replicas: 1 }).map(({ name }) => name);
  const listed = Object.keys(PLACES);
  const isThere = (place: string) =>
    [place, kvStreamName(place), objectStreamName(place)].some((name) => stored.includes(name));
  assert.equal(
    listed.filter((place) => !isThere(place)),
    [],
  );
});

test.run();
