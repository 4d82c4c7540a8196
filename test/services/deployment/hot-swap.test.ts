import { test } from 'uvu';
import { conforms } from './deployment-strategy.conformance.ts';

conforms('hot-swap');

test.run();
