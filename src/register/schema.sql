-- SPDX-License-Identifier: Apache-2.0
-- version 1: audit trail and retention ledger

-- Append-only. A row is deleted only below the cut that retention has set, so that the rest of the chain
-- still begins at a hash that is known.
CREATE TABLE register_audit (
  seq            INTEGER PRIMARY KEY, -- 1, 2, … without a gap
  at             INTEGER NOT NULL,    -- when, UTC ms
  actor_kind     TEXT NOT NULL,       -- account, staff, system or visitor
  actor          TEXT,                -- id of who acted; NULL for system and unknown visitors
  action         TEXT NOT NULL,       -- what was done: account.email.change
  object_kind    TEXT,                -- what it was done to
  object         TEXT,                -- its id
  result         TEXT NOT NULL,       -- ok, refused or failed
  reason         TEXT,                -- reason code, or the reason a staff member stated
  request_id     TEXT,                -- random id of the request
  prev_hash      BLOB NOT NULL,       -- hash of the row before; of the first row 32 zero bytes
  hash           BLOB NOT NULL        -- SHA-256 over prev_hash and the fields above
) STRICT;
CREATE INDEX register_audit_at ON register_audit (at);
CREATE INDEX register_audit_actor ON register_audit (actor) WHERE actor IS NOT NULL;
CREATE INDEX register_audit_object ON register_audit (object) WHERE object IS NOT NULL;

-- The address stands apart and outside the chain: it goes after 7 days, and even a digest of it in the
-- chain could be turned back by trying all prefixes.
CREATE TABLE register_audit_address (
  seq            INTEGER PRIMARY KEY, -- register_audit.seq
  at             INTEGER NOT NULL,    -- when, UTC ms
  ip_prefix      TEXT NOT NULL        -- /24 or /48 of the actor's address
) STRICT;
CREATE INDEX register_audit_address_at ON register_audit_address (at);

-- One row: up to where retention has removed the chain.
CREATE TABLE register_audit_cut (
  one            INTEGER PRIMARY KEY CHECK (one = 1), -- always 1
  seq            INTEGER NOT NULL,    -- the last removed row; 0 = none
  hash           BLOB NOT NULL,       -- its hash, which the next row must name
  at             INTEGER NOT NULL     -- when it was removed, UTC ms
) STRICT;
INSERT INTO register_audit_cut (one, seq, hash, at) VALUES (1, 0, zeroblob(32), 0);

-- The signed end of the chain, once a day: shows that nobody cut off the newest rows or wrote all anew.
CREATE TABLE register_audit_head (
  day            TEXT PRIMARY KEY,    -- YYYY-MM-DD UTC of the signature
  at             INTEGER NOT NULL,    -- when it was made, UTC ms
  seq            INTEGER NOT NULL,    -- the newest row then
  hash           BLOB NOT NULL,       -- its hash
  mac            BLOB NOT NULL        -- HMAC-SHA-256 over day, seq and hash with a key of this instance
) STRICT;

CREATE TRIGGER register_audit_fixed BEFORE UPDATE ON register_audit
BEGIN
  SELECT RAISE(ABORT, 'the audit trail is never changed');
END;
CREATE TRIGGER register_audit_kept BEFORE DELETE ON register_audit
WHEN OLD.seq > (SELECT seq FROM register_audit_cut WHERE one = 1)
BEGIN
  SELECT RAISE(ABORT, 'the audit trail is kept until its retention has passed');
END;
CREATE TRIGGER register_audit_cut_forward BEFORE UPDATE ON register_audit_cut
WHEN NEW.seq < OLD.seq
BEGIN
  SELECT RAISE(ABORT, 'the cut of the audit trail only moves forward');
END;
CREATE TRIGGER register_audit_cut_stays BEFORE DELETE ON register_audit_cut
BEGIN
  SELECT RAISE(ABORT, 'the cut of the audit trail stays');
END;
CREATE TRIGGER register_audit_head_fixed BEFORE UPDATE ON register_audit_head
BEGIN
  SELECT RAISE(ABORT, 'a signed head is never changed');
END;

-- What the retention job did: counts, no personal data.
CREATE TABLE register_retention_ledger (
  seq            INTEGER PRIMARY KEY, -- order
  at             INTEGER NOT NULL,    -- when, UTC ms
  activity       TEXT NOT NULL,       -- id of the activity
  rule           TEXT NOT NULL,       -- id of its retention rule
  count          INTEGER NOT NULL     -- rows erased or stripped in this batch
) STRICT;
CREATE INDEX register_retention_ledger_at ON register_retention_ledger (at);

-- version 2: notice versions

-- The privacy notice as it stood at each time: its facts, what it said, and what had changed. Shown to
-- everybody; holds no data of persons beyond the operator's own contacts.
CREATE TABLE register_notice_version (
  version        INTEGER PRIMARY KEY, -- 1, 2, …
  made_at        INTEGER NOT NULL,    -- since when it applies, UTC ms
  document_date  TEXT,                -- date of the declaration (YYYY-MM-DD) as the operator states it
  hash           TEXT NOT NULL,       -- SHA-256 of the facts, hex: the register's version
  text_hash      TEXT NOT NULL,       -- SHA-256 of the German and the English text, hex
  facts          TEXT NOT NULL,       -- all facts of the register as JSON
  changes        TEXT NOT NULL,       -- what differs from the version before, as JSON
  html_de        TEXT NOT NULL,       -- the notice in German, the part inside <main>
  html_en        TEXT NOT NULL,       -- the notice in English, the part inside <main>
  text_de        TEXT NOT NULL,       -- the notice in German, plain text
  text_en        TEXT NOT NULL        -- the notice in English, plain text
) STRICT;

CREATE TRIGGER register_notice_version_fixed BEFORE UPDATE ON register_notice_version
BEGIN
  SELECT RAISE(ABORT, 'a version of the notice is never changed');
END;
CREATE TRIGGER register_notice_version_stays BEFORE DELETE ON register_notice_version
BEGIN
  SELECT RAISE(ABORT, 'versions of the notice stay readable');
END;
