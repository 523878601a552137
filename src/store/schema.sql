-- SPDX-License-Identifier: Apache-2.0
-- The outbox: what leaves the program, written in the transaction that decided it.
-- (The table store_migration, which records the versions of all schemas, is made by the store itself.)

-- version 1: messages that leave the program
CREATE TABLE outbox (
    number       INTEGER PRIMARY KEY,        -- order of arrival; pages of the console go by it
    key          TEXT    NOT NULL UNIQUE,    -- idempotency key, passed on to who receives the message
    kind         TEXT    NOT NULL,           -- names the deliverer: mail, webhook
    activity     TEXT    NOT NULL,           -- the register's activity it falls under
    subject      TEXT,                       -- random reference of the person concerned, if any
    body         TEXT,                       -- what is to be sent, as JSON; NULL once it was
    keep_body    INTEGER NOT NULL CHECK (keep_body IN (0, 1)),    -- 1: the body stays after sending
    state        TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),    -- dead: given up
    tries        INTEGER NOT NULL,           -- deliveries begun
    created_at   INTEGER NOT NULL,           -- when it was put, ms
    due_at       INTEGER NOT NULL,           -- not tried before, ms
    lease        TEXT,                       -- random token of the worker that has it now
    leased_until INTEGER NOT NULL,           -- another worker may take it after this, ms
    ended_at     INTEGER,                    -- when it was sent or given up, ms
    why          TEXT                        -- why the last try failed, in words without personal data
) STRICT;
CREATE INDEX outbox_due ON outbox (kind, due_at) WHERE state = 'waiting';
CREATE INDEX outbox_state ON outbox (state, number);
CREATE INDEX outbox_ended ON outbox (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX outbox_subject ON outbox (subject) WHERE subject IS NOT NULL;

-- version 2: a worker finds the row it took at once, however many wait
CREATE INDEX outbox_leased ON outbox (lease) WHERE lease IS NOT NULL;
