/** Errors of the area LANE. A code is never reused. */
export const laneErrorCodes = {} as const;
