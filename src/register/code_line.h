/* SPDX-License-Identifier: Apache-2.0 */
/* code_line.h -- where routes and cookies stand in the sources, so that the check can name file and line.
 * The list is written by tools/code_lines.py when the program is built. */
#ifndef KONTOR_REGISTER_CODE_LINE_H
#define KONTOR_REGISTER_CODE_LINE_H

typedef struct { const char *what, *file; int line; } code_line;   /* "GET /notes", "cookie seen" */
extern const code_line code_lines[];                               /* ends with what NULL */

#endif
