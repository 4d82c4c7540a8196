import { test } from 'uvu';
import { createOnnxGraphStrategy } from '../../../services/training/onnx-graph.ts';
import { checkTrainingStrategy } from './training.conformance.ts';

checkTrainingStrategy(createOnnxGraphStrategy());

test.run();
