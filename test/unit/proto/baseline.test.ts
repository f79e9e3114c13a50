import { readFileSync } from 'node:fs';
import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { expect, it } from 'vitest';
import { file_autosession_event_v1_event } from '../../../gen/autosession/event/v1/event_pb.js';
import { file_autosession_task_v1_task } from '../../../gen/autosession/task/v1/task_pb.js';

/** The renames that buf.yaml excepts, which can name files only. */
const RENAMED = ['TASK_STATUS_SENT', 'TASK_CHANGE_SENT'];

it('renames no other value of an enum in the files that buf.yaml excepts from its check', () => {
  const baseline = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync('proto/baseline.binpb')));
  const renamed = [file_autosession_task_v1_task, file_autosession_event_v1_event].flatMap((file) =>
    file.enums.flatMap((desc) => {
      const before = baseline.getEnum(desc.typeName)?.values ?? [];
      return before.filter(({ name, number }) => desc.value[number]?.name !== name).map(({ name }) => name);
    }),
  );
  expect(renamed).toEqual(RENAMED);
});
