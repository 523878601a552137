-- SPDX-License-Identifier: Apache-2.0
-- The operator's staff, their sessions, and the one-time links by which they come in.

-- version 1: staff, sessions, invitations

CREATE TABLE console_staff (
    id            TEXT PRIMARY KEY,              -- 22 characters; the staff reference in the audit trail
    email         TEXT NOT NULL UNIQUE,          -- business address, lower case; the name to sign in with
    name          TEXT NOT NULL,                 -- how colleagues see them
    role          TEXT NOT NULL,                 -- owner, privacy, support, accounting, analyst, developer, auditor
    password_hash TEXT NOT NULL,                 -- argon2id, PHC form
    lang          TEXT,                          -- de or en; NULL follows the browser
    failures      INTEGER NOT NULL DEFAULT 0,    -- failed sign-ins since the last good one
    locked_until  INTEGER NOT NULL DEFAULT 0,    -- ms; no sign-in by password before
    created_at    INTEGER NOT NULL,              -- ms; when the account was made
    signed_in_at  INTEGER,                       -- ms; last sign-in
    ended_at      INTEGER                        -- ms; when the account was ended, NULL while in use
) STRICT;

CREATE TABLE console_session (
    id         TEXT PRIMARY KEY,                 -- 22 characters; not the token
    staff_id   TEXT NOT NULL REFERENCES console_staff (id) ON DELETE CASCADE,   -- whose
    token_hash BLOB NOT NULL UNIQUE,             -- SHA-256 of the cookie's token
    csrf_key   BLOB NOT NULL,                    -- 32 bytes; binds forms to this session
    created_at INTEGER NOT NULL,                 -- ms; when it began
    seen_at    INTEGER NOT NULL,                 -- ms; last use, coarse to a minute
    strong_at  INTEGER NOT NULL,                 -- ms; last time the password was given
    ends_at    INTEGER NOT NULL,                 -- ms; absolute end
    ip_prefix  TEXT                              -- shortened address at sign-in
) STRICT;
CREATE INDEX console_session_staff ON console_session (staff_id);
CREATE INDEX console_session_ends ON console_session (ends_at);

CREATE TABLE console_link (
    token_hash BLOB PRIMARY KEY,                 -- SHA-256 of the link's token
    role       TEXT NOT NULL,                    -- role the new account gets
    email      TEXT,                             -- address invited, NULL for the first owner
    made_by    TEXT,                             -- staff id of who invited, NULL for the command line
    created_at INTEGER NOT NULL,                 -- ms
    expires_at INTEGER NOT NULL                  -- ms; 30 minutes for the first owner, 7 days otherwise
) STRICT;
