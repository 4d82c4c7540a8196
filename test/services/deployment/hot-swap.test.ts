import { test } from 'uvu';
import { createHotSwap } from '../../../services/deployment/hot-swap.ts';
import { conforms } from './deployment-strategy.conformance.ts';

conforms(createHotSwap());

test.run();
