/* Rosters of people that nobody is: the same on every machine. */
#ifndef KENMON_TESTS_STAFF_H
#define KENMON_TESTS_STAFF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct staff_order {
	uint32_t count, first; /* persons first … first + count - 1, from 0 */
	uint32_t without;      /* not 0: each so many-th is left out */
	uint32_t transferred;  /* not 0: each so many-th is transferred on `day` */
	uint32_t moved;        /* not 0: each so many-th is in the next department */
	const char *day;       /* as it stands in the file; NULL: none */
	bool cp932;            /* else UTF-8 */
	bool english;          /* canonical names of columns and states, else Japanese */
	bool short_form;       /* the four columns that must be there, alone */
	bool trailer;
};

struct staff_member {
	uint32_t number;
	char login[16], name[64], phone[16];
	const char *department;
};
/* What stands of a person in the file of this order. */
void staff_member(const struct staff_order *order, uint32_t person, struct staff_member *out);
/* False when it could not be written. */
bool staff_write(FILE *f, const struct staff_order *order);
/* The login of a person: "s100000" for the first. */
const char *staff_login(uint32_t person, char out[16]);

#endif
