-- SPDX-License-Identifier: Apache-2.0
-- Accounts of customers. Each table serves one (sub-)activity of activity.yaml; columns are claimed there.
-- The registration record is `account` and nothing else: what guards it (failures, tokens, sessions) lives
-- in tables of its own, so that the record stays exactly what the declaration says it is.

-- version 1: accounts, the proof of their confirmation, tokens of mails, sessions, sign-in log
CREATE TABLE account (
    id              TEXT    NOT NULL PRIMARY KEY,   -- 16 random bytes, base64url; the subject reference everywhere
    state           TEXT    NOT NULL                -- pending (not confirmed), active, deactivated (in its grace)
                    CHECK (state IN ('pending', 'active', 'deactivated')),
    email           TEXT    NOT NULL,               -- as typed; mails go to this form
    email_key       TEXT    NOT NULL UNIQUE,        -- look-up form: lower case, domain as A-label
    last_name       TEXT    NOT NULL,               -- NFC
    first_name      TEXT    NOT NULL,               -- NFC
    street          TEXT    NOT NULL DEFAULT '',    -- postal address: street and number; '' = not given
    postcode        TEXT    NOT NULL DEFAULT '',    -- postal address
    city            TEXT    NOT NULL DEFAULT '',    -- postal address
    country         TEXT    NOT NULL DEFAULT '',    -- postal address: ISO 3166-1 alpha-2
    phone           TEXT    NOT NULL DEFAULT '',    -- E.164 ("+4940123456"); '' = not given
    password_hash   TEXT,                           -- PHC string of argon2id over the NFKC form; NULL = none set
    password_version INTEGER NOT NULL DEFAULT 1,    -- counts changes; a reset token is bound to one
    language        TEXT    NOT NULL,               -- de or en: of pages and mails
    terms_version   TEXT    NOT NULL,               -- date of the terms accepted at registration
    consent_ref     TEXT,                           -- random id of the consent record of the registering browser
    signup_ip       TEXT,                           -- IP address of the registering computer; NULL after 30 days
    registered_at   INTEGER NOT NULL,               -- ms UTC
    confirmed_at    INTEGER,                        -- ms UTC; when the address was confirmed
    deactivated_at  INTEGER,                        -- ms UTC; when deletion was asked for
    erase_at        INTEGER,                        -- ms UTC; end of the grace
    version         INTEGER NOT NULL DEFAULT 1,     -- counts changes of the record (proof of rectification)
    changed_at      INTEGER NOT NULL                -- ms UTC of the last change
) STRICT;
CREATE INDEX account_registered ON account (registered_at DESC, id);
CREATE INDEX account_due ON account (erase_at) WHERE erase_at IS NOT NULL;
CREATE INDEX account_pending ON account (registered_at) WHERE state = 'pending';

CREATE TABLE account_proof (
    id              TEXT    NOT NULL PRIMARY KEY,   -- random
    account         TEXT    NOT NULL,               -- whose address
    kind            TEXT    NOT NULL,               -- verify (registration) or email (change of address)
    text_version    TEXT    NOT NULL,               -- which words the mail used
    token_hash      BLOB    NOT NULL,               -- SHA-256 of the token sent
    asked_at        INTEGER NOT NULL,               -- ms UTC of the request
    asked_prefix    TEXT,                           -- network the request came from (/24, /48)
    done_at         INTEGER,                        -- ms UTC of the confirmation
    done_prefix     TEXT                            -- network the confirmation came from
) STRICT;
CREATE INDEX account_proof_account ON account_proof (account);
CREATE UNIQUE INDEX account_proof_token ON account_proof (token_hash);

CREATE TABLE account_token (
    id              TEXT    NOT NULL PRIMARY KEY,   -- random; names the mail it was sent with
    token_hash      BLOB    NOT NULL UNIQUE,        -- SHA-256 of 32 random bytes; the token itself is only in the mail
    account         TEXT    NOT NULL,               -- whose
    kind            TEXT    NOT NULL                -- what it does
                    CHECK (kind IN ('verify', 'reset', 'email', 'email_undo', 'undo')),
    email           TEXT,                           -- email: the new address; email_undo: the old one
    email_key       TEXT,                           -- its look-up form; an old address stays reserved by it
    password_version INTEGER,                       -- reset: the password it may replace
    created_at      INTEGER NOT NULL,               -- ms UTC
    expires_at      INTEGER NOT NULL                -- ms UTC
) STRICT;
CREATE INDEX account_token_account ON account_token (account, kind);
CREATE INDEX account_token_email ON account_token (email_key) WHERE email_key IS NOT NULL;
CREATE INDEX account_token_expiry ON account_token (expires_at);

CREATE TABLE account_lockout (
    account         TEXT    NOT NULL PRIMARY KEY,   -- whose password was tried
    failures        INTEGER NOT NULL,               -- wrong passwords in a row
    retry_at        INTEGER NOT NULL,               -- ms UTC; before it no password is looked at
    changed_at      INTEGER NOT NULL                -- ms UTC of the last failure
) STRICT;

CREATE TABLE account_session (
    id              TEXT    NOT NULL PRIMARY KEY,   -- random; what the list of sessions shows to nobody
    token_hash      BLOB    NOT NULL UNIQUE,        -- SHA-256 of the cookie's value
    account         TEXT    NOT NULL,               -- whose
    created_at      INTEGER NOT NULL,               -- ms UTC of the sign-in
    seen_at         INTEGER NOT NULL,               -- ms UTC of the last use, written at most once a minute
    strong_at       INTEGER NOT NULL,               -- ms UTC of the last time the password was given
    stay            INTEGER NOT NULL,               -- 1 = "stay signed in"
    browser         TEXT    NOT NULL,               -- family only: Firefox, Chrome, …
    os              TEXT    NOT NULL,               -- family only: Windows, Linux, …
    ip_prefix       TEXT                            -- network of the sign-in (/24, /48)
) STRICT;
CREATE INDEX account_session_account ON account_session (account, created_at);
CREATE INDEX account_session_seen ON account_session (seen_at);

CREATE TABLE account_sign_in (
    id              TEXT    NOT NULL PRIMARY KEY,   -- random
    account         TEXT    NOT NULL,               -- whose
    signed_in_at    INTEGER NOT NULL,               -- ms UTC of the try
    result          TEXT    NOT NULL,               -- ok, wrong, locked, unconfirmed
    factor          TEXT    NOT NULL,               -- password
    browser         TEXT    NOT NULL,               -- family only
    os              TEXT    NOT NULL,               -- family only
    ip_prefix       TEXT                            -- network (/24, /48)
) STRICT;
CREATE INDEX account_sign_in_account ON account_sign_in (account, signed_in_at DESC);
CREATE INDEX account_sign_in_time ON account_sign_in (signed_in_at);

-- version 2: the list of one account's sign-ins is read from its index alone
DROP INDEX account_sign_in_account;
CREATE INDEX account_sign_in_account ON account_sign_in
       (account, signed_in_at DESC, id, result, factor, browser, os, ip_prefix);
