import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { placesFor, Room } from '../../../../services/serving/replica/room.ts';

/** As many as it gets. */
function fill(room: Room, client: string): number {
  while (room.enter(client));
  return room.heldBy(client);
}

test('room: a client that is alone has all that it was promised', () => {
  assert.equal(
    [1, 4, 272].map((aloneMax) => fill(new Room(placesFor(aloneMax)), 'flood')),
    // Places are whole ones.
    [2, 4, 272],
  );
});

test('room: beside floods there are places for one that asks little, and none gets more than its share for long', () => {
  const room = new Room(placesFor(272));
  const [first, second] = [fill(room, 'flood'), fill(room, 'second flood')];
  assert.ok(first > second && second > 10, `${first}, ${second}`);
  assert.ok(room.enter('door'));
  room.leave('door');
  // Places that become free go to the one that has fewer.
  for (let i = 0; i < 100; i++) room.leave('flood');
  fill(room, 'second flood');
  assert.ok(Math.abs(room.heldBy('flood') - room.heldBy('second flood')) < 60);
  assert.not.ok(room.enter('flood') && room.enter('flood') && room.heldBy('flood') > 200);
  assert.ok(room.enter('door'));
});

test('room: a client that has left holds nothing', () => {
  const room = new Room(placesFor(4));
  assert.ok(room.enter('door'));
  room.leave('door');
  assert.is(room.heldBy('door'), 0);
  assert.is(fill(room, 'flood'), 4);
});

test.run();
