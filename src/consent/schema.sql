-- SPDX-License-Identifier: Apache-2.0
-- version 1: choices, their proof, and the count of page views that rests on consent
CREATE TABLE consent_version (
  version        INTEGER PRIMARY KEY, -- rises with every change of the register that matters to a choice
  made_at        INTEGER NOT NULL,    -- when it came into force, ms
  services       TEXT NOT NULL        -- JSON list of the optional services with the facts that were put to the visitor
) STRICT;

CREATE TABLE consent_text (
  hash           TEXT PRIMARY KEY,    -- SHA-256 of body, hex
  kind           TEXT NOT NULL CHECK (kind IN ('words', 'layout')),  -- what was said, or how it was laid out
  language       TEXT,                -- de or en; NULL for layouts
  body           TEXT NOT NULL,       -- words: JSON of both layers; layout: the sources that drew them
  first_shown_at INTEGER NOT NULL     -- since when, ms
) STRICT;

-- Append-only. Withdrawing adds a row; the highest seq of an id is in force, whatever the clock said.
CREATE TABLE consent_record (
  n              INTEGER PRIMARY KEY AUTOINCREMENT, -- order of all records
  id             TEXT NOT NULL,       -- consent id: random, in the visitor's cookie
  seq            INTEGER NOT NULL,    -- 1, 2, … per id
  account_ref    TEXT,                -- consent_account.ref when signed in; outside the chain, may become NULL
  decided_at     INTEGER NOT NULL,    -- server clock, ms
  received_at    INTEGER NOT NULL,    -- server clock, ms
  day            TEXT NOT NULL,       -- day of the chain, YYYY-MM-DD UTC
  action         TEXT NOT NULL CHECK (action IN ('accept_all', 'necessary_only', 'select', 'withdraw', 'gpc', 'dnt', -- what was done
                                                 'expire', 'version_reset', 'staff', 'import')),
  granted        TEXT NOT NULL,       -- JSON list of service ids
  denied         TEXT NOT NULL,       -- JSON list of service ids; with granted: all services of the version
  policy_version INTEGER NOT NULL REFERENCES consent_version (version), -- what the decision was about
  text_hash      TEXT NOT NULL REFERENCES consent_text (hash), -- the words shown
  ui_hash        TEXT NOT NULL REFERENCES consent_text (hash), -- the layout shown
  language       TEXT NOT NULL,       -- de or en
  surface        TEXT NOT NULL CHECK (surface IN ('banner', 'layer2', 'signin', 'footer', 'noscript', 'account', 'api')), -- where
  origin         TEXT NOT NULL,       -- scheme and host of the page
  path           TEXT NOT NULL,       -- path of the page without query, ids masked
  ua_family      TEXT NOT NULL,       -- "Firefox, Linux"; never the raw string
  ip_prefix      TEXT,                -- /24 or /48; outside the chain, NULL after 7 days
  gpc            INTEGER NOT NULL,    -- 1: Sec-GPC: 1 was sent
  dnt            INTEGER NOT NULL,    -- 1: DNT: 1 was sent
  conflict       INTEGER NOT NULL,    -- 1: something was granted against such a signal
  shown_at       INTEGER,             -- when the banner came into view on that page, ms
  keep_until_at  INTEGER NOT NULL,    -- end of retention, ms; the same for all records of a day
  prev_hash      TEXT NOT NULL,       -- hash of the record before it on that day
  hash           TEXT NOT NULL,       -- SHA-256 over prev_hash and the fields above but account_ref and ip_prefix
  UNIQUE (id, seq)
) STRICT;
CREATE INDEX consent_record_day ON consent_record (day, n);
CREATE INDEX consent_record_account ON consent_record (account_ref) WHERE account_ref IS NOT NULL;
CREATE INDEX consent_record_prefix ON consent_record (received_at) WHERE ip_prefix IS NOT NULL;

-- The signed end of each day's chain; each signature covers the one of the day before.
CREATE TABLE consent_head (
  day            TEXT PRIMARY KEY,    -- YYYY-MM-DD UTC
  records        INTEGER NOT NULL,    -- how many the day has
  last_hash      TEXT NOT NULL,       -- hash of the last one
  prev_mac       TEXT NOT NULL,       -- mac of the head before
  mac            TEXT NOT NULL,       -- HMAC-SHA-256 with a key of this instance
  keep_until_at  INTEGER NOT NULL     -- when the day's records may go, ms
) STRICT;

-- One row: up to when retention has passed. Records are deleted below it only.
CREATE TABLE consent_horizon (
  one            INTEGER PRIMARY KEY CHECK (one = 1), -- always 1
  passed_at      INTEGER NOT NULL     -- ms
) STRICT;
INSERT INTO consent_horizon (one, passed_at) VALUES (1, 0);

-- The choice of a signed-in person, so that a refusal outlives deleted cookies.
CREATE TABLE consent_account (
  account        TEXT PRIMARY KEY,    -- account id
  ref            TEXT NOT NULL UNIQUE,-- random mark of this account in the records
  consent_id     TEXT NOT NULL,       -- consent id of the last decision made while signed in
  policy_version INTEGER NOT NULL REFERENCES consent_version (version), -- what that decision was about
  granted        TEXT NOT NULL,       -- JSON list of service ids granted by it
  everywhere     INTEGER NOT NULL,    -- 1: given for all devices of the account
  decided_at     INTEGER NOT NULL     -- ms
) STRICT;

-- Frequency of page views, by consent only.
CREATE TABLE consent_page_views (
  visitor        TEXT PRIMARY KEY,    -- random id of the cookie "seen"
  consent_id     TEXT NOT NULL,       -- the consent it rests on; withdrawing that erases the row
  views          INTEGER NOT NULL,    -- how many pages
  first_day_at   INTEGER NOT NULL,    -- start of the first day, UTC ms
  last_day_at    INTEGER NOT NULL     -- start of the last day, UTC ms
) STRICT;
CREATE INDEX consent_page_views_consent ON consent_page_views (consent_id);
CREATE INDEX consent_page_views_last ON consent_page_views (last_day_at);

-- A record never changes; only the two references to a person outside the chain may be blanked.
CREATE TRIGGER consent_record_fixed BEFORE UPDATE ON consent_record
WHEN NEW.n IS NOT OLD.n OR NEW.id IS NOT OLD.id OR NEW.seq IS NOT OLD.seq
  OR NEW.decided_at IS NOT OLD.decided_at OR NEW.received_at IS NOT OLD.received_at OR NEW.day IS NOT OLD.day
  OR NEW.action IS NOT OLD.action OR NEW.granted IS NOT OLD.granted OR NEW.denied IS NOT OLD.denied
  OR NEW.policy_version IS NOT OLD.policy_version OR NEW.text_hash IS NOT OLD.text_hash
  OR NEW.ui_hash IS NOT OLD.ui_hash OR NEW.language IS NOT OLD.language OR NEW.surface IS NOT OLD.surface
  OR NEW.origin IS NOT OLD.origin OR NEW.path IS NOT OLD.path OR NEW.ua_family IS NOT OLD.ua_family
  OR NEW.gpc IS NOT OLD.gpc OR NEW.dnt IS NOT OLD.dnt OR NEW.conflict IS NOT OLD.conflict
  OR NEW.shown_at IS NOT OLD.shown_at OR NEW.keep_until_at IS NOT OLD.keep_until_at
  OR NEW.prev_hash IS NOT OLD.prev_hash OR NEW.hash IS NOT OLD.hash
  OR (NEW.account_ref IS NOT NULL AND NEW.account_ref IS NOT OLD.account_ref)
  OR (NEW.ip_prefix IS NOT NULL AND NEW.ip_prefix IS NOT OLD.ip_prefix)
BEGIN
  SELECT RAISE(ABORT, 'a consent record is never changed');
END;
CREATE TRIGGER consent_record_kept BEFORE DELETE ON consent_record
WHEN OLD.keep_until_at > (SELECT passed_at FROM consent_horizon WHERE one = 1)
BEGIN
  SELECT RAISE(ABORT, 'a consent record is kept until its retention has passed');
END;
CREATE TRIGGER consent_text_fixed BEFORE UPDATE ON consent_text
BEGIN
  SELECT RAISE(ABORT, 'a text that was shown is never changed');
END;
CREATE TRIGGER consent_version_fixed BEFORE UPDATE ON consent_version
BEGIN
  SELECT RAISE(ABORT, 'a version that was in force is never changed');
END;
