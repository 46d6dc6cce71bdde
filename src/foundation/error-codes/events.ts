/** Errors of the area EVENTS: reading events by a catalogue, and the catalogue against what was released. A code is never reused. */
export const eventsErrorCodes = {
  'HW-EVENTS-001': {
    title: 'an event is of a kind that the catalogue does not know',
    why: 'It was written by a later release of an application, or by one whose events are not in this catalogue, so nobody here can say what its payload means.',
    fix: 'Add the event, or its later version, to the catalogue that the configuration names, restart, and `headwater parked retry`; or leave it out by the filter of the lane.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-EVENTS-002': {
    title: 'an event of an earlier version cannot be brought to the present one',
    why: 'The catalogue has no upcaster from its version on, or one of them threw.',
    fix: 'Give the event `upcasters` from that version on. `headwater events check` finds the missing ones before a release.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-EVENTS-003': {
    title: 'the payload of an event cannot be read',
    why: 'It is not in its content type, or what the upcasters made of it does not fit the schema of the catalogue.',
    fix: 'Look at it with `headwater tail --where id=ID --payload`. Where the schema changes its input to something that it would not take again, give the event a `storedSchema`.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-EVENTS-004': {
    title: 'the configuration names no catalogue of events',
    why: '`headwater events` compares, exports and documents what `events` of the configuration holds.',
    fix: 'Import the catalogue of `defineEvents` in headwater.config.ts and set `events` to it.',
    policy: 'stop',
    exitCode: 4,
  },
  'HW-EVENTS-005': {
    title: 'the released catalogue cannot be read',
    why: 'The file is missing, is no catalogue, or was written by a later release of Headwater.',
    fix: 'Write the first one with `headwater events release` and commit it; after that, restore it from version control.',
    policy: 'stop',
    exitCode: 4,
  },
  'HW-EVENTS-006': {
    title: 'the schema of an event gives no JSON Schema',
    why: 'Its library does not follow Standard JSON Schema, or the schema holds something that JSON Schema cannot say.',
    fix: 'Give the event its `jsonSchema`, in draft 2020-12, beside the schema.',
    policy: 'stop',
    exitCode: 1,
  },
  'HW-EVENTS-007': {
    title: 'the catalogue breaks what was released',
    why: 'Readers of today could not read events of yesterday, or the other way round.',
    fix: 'Raise the `schemaVersion` of the event and give it an upcaster; or take the change back. `--remove NAME` gives an event up for good.',
    policy: 'stop',
    exitCode: 3,
  },
} as const;
