/* SPDX-License-Identifier: Apache-2.0 */
/* hash.c -- the bound of every sign-in: how many argon2id hashes one core checks in a second, and nothing else.
 *
 *   hash make              prints the hash of the measurement's password, for the accounts of the data
 *   hash verify SECONDS    checks it over and over with libsodium; prints hashes a second and the
 *                          microseconds of CPU time of one
 *
 * The parameters are libsodium's INTERACTIVE (2 passes, 64 MiB), which are also the program's. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "base/clock.h"

#define PASSWORD "bench-of-passwords-2026"

static int make(char hash[crypto_pwhash_STRBYTES])
{
    return crypto_pwhash_str(hash, PASSWORD, strlen(PASSWORD), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                             crypto_pwhash_MEMLIMIT_INTERACTIVE);
}

static int verify(const char *hash, int64_t seconds)
{
    int64_t from = kt_monotonic_us(), now = from, done = 0;
    clock_t before = clock();
    for (; now - from < seconds * 1000000; now = kt_monotonic_us(), done++)
        if (crypto_pwhash_str_verify(hash, PASSWORD, strlen(PASSWORD)) != 0) return 1;
    printf("%.3f %.0f\n", (double)done * 1e6 / (double)(now - from),
           (double)(clock() - before) * 1e6 / CLOCKS_PER_SEC / (double)done);
    return 0;
}

int main(int argc, char **argv)
{
    char hash[crypto_pwhash_STRBYTES];
    long seconds = argc == 3 ? strtol(argv[2], NULL, 10) : 0;
    if (sodium_init() < 0 || make(hash) != 0) return 1;
    if (argc == 2 && strcmp(argv[1], "make") == 0) return puts(hash) < 0;
    if (argc == 3 && strcmp(argv[1], "verify") == 0 && seconds > 0 && seconds <= 600) return verify(hash, seconds);
    fputs("hash make | hash verify SECONDS\n", stderr);
    return 2;
}
