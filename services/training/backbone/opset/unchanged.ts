/**
 * The ONNX operators that mean the same for float32 in every version from 7 to 17 in which they exist. What changed was
 * the list of types, negative axes, broadcasting where there was none, or a new attribute whose default is the old
 * meaning. Read from the operators' change log, https://github.com/onnx/onnx/blob/main/docs/Changelog.md.
 */
const ELEMENTS =
  'Abs Acos Acosh Add And Asin Asinh Atan Atanh Cast Ceil Cos Cosh Div Elu Equal Erf Exp Floor Greater HardSigmoid ' +
  'IsInf IsNaN LeakyRelu Less Log Max Mean Min Mod Mul Neg Not Or Pow Reciprocal Relu Round Selu Sigmoid Sign Sin Sinh ' +
  'Softplus Softsign Sqrt Sub Sum Tan Tanh ThresholdedRelu Where Xor';
const SHAPES =
  'Concat Constant ConstantOfShape DepthToSpace Expand Flatten Gather Identity Reshape Shape Size SpaceToDepth Tile ' +
  'Transpose';
const NETS =
  'AveragePool Conv ConvTranspose Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool InstanceNormalization ' +
  'LpNormalization LRN MatMul MaxPool MeanVarianceNormalization';
const REDUCTIONS =
  'ArgMax ArgMin ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSumSquare';

export const UNCHANGED: ReadonlySet<string> = new Set(
  [ELEMENTS, SHAPES, NETS, REDUCTIONS].flatMap((names) => names.split(' ')),
);
