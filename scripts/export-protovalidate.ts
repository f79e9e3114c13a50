// Writes buf/validate/validate.proto from the descriptor that the protovalidate package carries, so that buf can
// resolve the import without any registry. Only the structure is written: rule expressions live in the package itself.
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  type FieldDescriptorProto,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import { file_buf_validate_validate } from '@bufbuild/protovalidate/gen/buf/validate/validate_pb.js';

const out = '.buf/protovalidate/buf/validate';
const file = file_buf_validate_validate.proto;
const isProto3 = file.syntax === 'proto3';

function typeName(field: FieldDescriptorProto): string {
  return field.typeName || Type[field.type].toLowerCase();
}

function label(field: FieldDescriptorProto, inOneof: boolean): string {
  if (field.label === Label.REPEATED) return 'repeated ';
  if (inOneof) return '';
  return isProto3 && !field.proto3Optional ? '' : 'optional ';
}

function printField(field: FieldDescriptorProto, pad: string, inOneof = false): string {
  return `${pad}${label(field, inOneof)}${typeName(field)} ${field.name} = ${field.number};\n`;
}

function printEnum(desc: EnumDescriptorProto, pad: string): string {
  const values = desc.value.map((v) => `${pad}  ${v.name} = ${v.number};\n`).join('');
  return `${pad}enum ${desc.name} {\n${values}${pad}}\n`;
}

function printMessage(desc: DescriptorProto, pad = ''): string {
  const inner = `${pad}  `;
  let body = desc.nestedType.map((m) => printMessage(m, inner)).join('');
  body += desc.enumType.map((e) => printEnum(e, inner)).join('');
  for (const range of desc.extensionRange) {
    const end = range.end > 536870911 ? 'max' : String(range.end - 1);
    body += `${inner}extensions ${range.start} to ${end};\n`;
  }
  const inRealOneof = (f: FieldDescriptorProto) => f.oneofIndex !== undefined && !f.proto3Optional && hasOneof(f);
  const hasOneof = (f: FieldDescriptorProto) => Object.hasOwn(f, 'oneofIndex');
  for (const field of desc.field) if (!inRealOneof(field)) body += printField(field, inner);
  desc.oneofDecl.forEach((oneof, index) => {
    const members = desc.field.filter((f) => inRealOneof(f) && f.oneofIndex === index);
    if (members.length === 0) return;
    body += `${inner}oneof ${oneof.name} {\n`;
    for (const field of members) body += printField(field, `${inner}  `, true);
    body += `${inner}}\n`;
  });
  return `${pad}message ${desc.name} {\n${body}${pad}}\n`;
}

let text = `syntax = "${file.syntax || 'proto2'}";
`;
text += `package ${file.package};\n`;
for (const path of file.dependency) text += `import "${path}";\n`;
for (const desc of file.messageType) text += printMessage(desc);
for (const desc of file.enumType) text += printEnum(desc, '');
for (const ext of file.extension) text += `extend ${ext.extendee} {\n${printField(ext, '  ')}}\n`;

mkdirSync(out, { recursive: true });
writeFileSync(`${out}/validate.proto`, text);
