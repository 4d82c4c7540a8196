/** The type of TensorFlow.js itself. It is loaded only where it trains, so everything here is handed it. */
import type * as Tfjs from '@tensorflow/tfjs';

export type Tf = typeof Tfjs;
