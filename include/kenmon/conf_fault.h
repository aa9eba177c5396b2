/*
 * What is wrong with a configuration: a row of conf_fault.def and its values, so that the desk can
 * say it in another language than the logs.
 */
#ifndef KENMON_CONF_FAULT_H
#define KENMON_CONF_FAULT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#define KM_CONF_WHY     256 /* of a sentence within a sentence */
#define KM_FAULT_VALUES 512 /* all values of one, each ended by NUL */

enum km_fault_number {
	KM_FAULT_NONE = 0,
#define KM_CONF_FAULT(NAME, en, ja) KM_FAULT_##NAME,
#include <kenmon/conf_fault.def>
#undef KM_CONF_FAULT
	KM_FAULT_COUNT
};

struct km_fault {
	enum km_fault_number number;
	char values[KM_FAULT_VALUES]; /* as they stand in the English, one after the other */
	size_t len;                   /* of all values, with the NUL of each */
};

/* Why a value cannot be taken. Untouched where one can. */
struct km_why {
	struct km_fault fault;
	char text[KM_CONF_WHY]; /* in English */
};

/* The English of each row, for the compiler to compare it with what is given for it. */
#define KM_CONF_FAULT(NAME, en, ja) static const char km_fault_##NAME[] = en;
#include <kenmon/conf_fault.def>
#undef KM_CONF_FAULT

/*
 * Writes the sentence into text, and its values into *fault. Of printf's conversions the format has
 * those that conf_fault.def names. What is too long is cut, as printf does.
 */
void km_fault_write(struct km_fault *fault, enum km_fault_number number, const char *format,
		    va_list args, char *text, size_t cap);

/* Returns false, for readers that do. */
bool km_why_say(struct km_why *why, enum km_fault_number number, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* KM_WHY(why, YES_NO), KM_WHY(why, NAME_LONG, 63) */
#define KM_WHY(why, NAME, ...) km_why_say(why, KM_FAULT_##NAME, km_fault_##NAME, ##__VA_ARGS__)

#endif
