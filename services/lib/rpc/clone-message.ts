import type { Message } from '@bufbuild/protobuf';

/** A copy of a message that shares nothing with it. Messages are plain data, so their fields need not be known. */
export function cloneMessage<M extends Message>(message: M): M {
  return cloneValue(message) as M;
}

function cloneValue(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(cloneValue);
  if (value instanceof Uint8Array) return value.slice();
  // fields of proto2 and editions keep their defaults in the prototype
  const clone = Object.create(Object.getPrototypeOf(value)) as Record<string, unknown>;
  for (const [name, field] of Object.entries(value)) clone[name] = cloneValue(field);
  return clone;
}
