/* SPDX-License-Identifier: Apache-2.0 */
/* schema_line.h -- where a column stands in a schema.sql, so that a fault can name the line. */
#ifndef KONTOR_REGISTER_SCHEMA_LINE_H
#define KONTOR_REGISTER_SCHEMA_LINE_H
#include "base/str.h"

/* The line, from 1, at which the column is created (CREATE TABLE or ALTER TABLE … ADD COLUMN); 0 when
 * the text does not create it. */
int schema_line(kt_str schema, kt_str table, kt_str column);

#endif
