import { type AnyDesc, createFileRegistry, type DescService, fromBinary, type Registry } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt';

/** The contracts with their comments, which the generated code does not contain. */
export interface Descriptors {
  readonly registry: Registry;
  /** The project's own services, by name. */
  readonly services: readonly DescService[];
  /** The comment of a message, field, enum, service or RPC: paragraphs, each on one line; empty if there is none. */
  comment(desc: AnyDesc): string;
  /** The comment of an enum's value. */
  valueComment(enumTypeName: string, value: string): string;
}

/** Reads an image that `buf build` wrote with source info. */
export function readDescriptors(image: Uint8Array): Descriptors {
  const set = fromBinary(FileDescriptorSetSchema, image);
  const registry = createFileRegistry(set);
  const comments = new Map(set.file.flatMap((file) => [...commentsOf(file)]));
  return {
    registry,
    services: [...registry].filter(isOwnService).sort((a, b) => (a.typeName < b.typeName ? -1 : 1)),
    comment: (desc) => comments.get(keyOf(desc)) ?? '',
    valueComment: (typeName, value) => comments.get(`${typeName}.${value}`) ?? '',
  };
}

function isOwnService(desc: AnyDesc): desc is DescService {
  return desc.kind === 'service' && desc.typeName.startsWith('autosession.');
}

function keyOf(desc: AnyDesc): string {
  if ('typeName' in desc) return desc.typeName;
  return 'parent' in desc && desc.parent ? `${desc.parent.typeName}.${desc.name}` : desc.name;
}

function commentsOf(file: FileDescriptorProto): Map<string, string> {
  const names = new Map<string, string>();
  file.messageType.forEach((message, index) => {
    nameMessage(names, message, [4, index], file.package);
  });
  file.enumType.forEach((each, index) => {
    nameEnum(names, each, [5, index], file.package);
  });
  file.service.forEach((service, index) => {
    const name = `${file.package}.${service.name}`;
    names.set([6, index].join(), name);
    service.method.forEach((method, at) => {
      names.set([6, index, 2, at].join(), `${name}.${method.name}`);
    });
  });
  const comments = new Map<string, string>();
  for (const { path, leadingComments } of file.sourceCodeInfo?.location ?? []) {
    const name = names.get(path.join());
    if (name && leadingComments) comments.set(name, unwrapped(leadingComments));
  }
  return comments;
}

/** The numbers in a path are field numbers of descriptor.proto. */
function nameMessage(names: Map<string, string>, message: DescriptorProto, path: number[], parent: string): void {
  const name = `${parent}.${message.name}`;
  names.set(path.join(), name);
  message.field.forEach((field, index) => {
    names.set([...path, 2, index].join(), `${name}.${field.name}`);
  });
  message.nestedType.forEach((nested, index) => {
    nameMessage(names, nested, [...path, 3, index], name);
  });
  message.enumType.forEach((each, index) => {
    nameEnum(names, each, [...path, 4, index], name);
  });
}

function nameEnum(names: Map<string, string>, desc: EnumDescriptorProto, path: number[], parent: string): void {
  const name = `${parent}.${desc.name}`;
  names.set(path.join(), name);
  desc.value.forEach((value, index) => {
    names.set([...path, 2, index].join(), `${name}.${value.name}`);
  });
}

function unwrapped(comment: string): string {
  return comment
    .split(/\n\s*\n/)
    .map((paragraph) => paragraph.replaceAll(/\s*\n\s*/g, ' ').trim())
    .filter(Boolean)
    .join('\n\n');
}
