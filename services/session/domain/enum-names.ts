import { Control, HandoverReason, SessionState } from '../../../gen/autosession/control/v1/control_pb.js';
import { TaskType } from '../../../gen/autosession/task/v1/task_pb.js';

/** `transferred`. */
export const sessionStateName = (state: SessionState): string => SessionState[state].toLowerCase();

/** `pending_manual`. */
export const sessionControlName = (control: Control): string => Control[control].toLowerCase();

/** `user_request`. */
export const handoverReasonName = (reason: HandoverReason): string => HandoverReason[reason].toLowerCase();

/** `auto_bargain`. */
export const taskTypeName = (taskType: TaskType): string => TaskType[taskType].toLowerCase();
