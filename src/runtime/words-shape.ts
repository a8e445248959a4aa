// The words and values that lines of several kinds have in common, as shapes.

import { jsonObject, oneOf, type, whole } from "../base/shape.ts";
import { type OperationName, operationBits } from "../ir/abi.ts";
import { objectKinds } from "../kernel/kernel.ts";

export const operation = oneOf(Object.keys(operationBits) as OperationName[], "an operation");

export const objectReference = jsonObject.to({
  kind: oneOf(objectKinds, "a kind of object"),
  device: type(/^\d+:\d+$/).describe("a device, as `8:1`"),
  inode: type(/^\d+$/).describe("an inode, as digits"),
  generation: whole,
});
