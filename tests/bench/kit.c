/* Time, medians, the table. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ROWS_MAX 96

static struct row rows[ROWS_MAX];
static size_t row_count;
static bool incomplete;

double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

double busy_share(unsigned ms)
{
	double busy[2] = { 0 }, all[2] = { 0 };

	for (int turn = 0; turn < 2; turn++) {
		unsigned long long t[8] = { 0 };
		FILE *f = fopen("/proc/stat", "re");

		/* user nice system idle iowait irq softirq steal: proc(5) */
		for (int i = 0; f && fscanf(f, i ? "%llu" : "cpu %llu", &t[i]) == 1 && i < 7; i++)
			;
		if (f)
			fclose(f);
		for (int i = 0; i < 8; i++) {
			all[turn] += (double)t[i];
			busy[turn] += i == 3 || i == 4 ? 0 : (double)t[i];
		}
		if (turn == 0)
			usleep(ms * 1000);
	}
	return all[1] > all[0] ? (busy[1] - busy[0]) / (all[1] - all[0]) : 0;
}

void series_add(struct series *s, double value)
{
	if (s->count == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 1024;
		double *grown = realloc(s->value, cap * sizeof(*grown));

		if (!grown)
			abort();
		s->value = grown;
		s->cap = cap;
	}
	s->value[s->count++] = value;
}

static int by_size(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

double series_at(struct series *s, double share)
{
	if (s->count == 0)
		return 0;
	qsort(s->value, s->count, sizeof(*s->value), by_size);
	return s->value[(size_t)floor(share * (double)(s->count - 1))];
}

double median(struct series *s)
{
	return series_at(s, 0.5);
}

void series_free(struct series *s)
{
	free(s->value);
	*s = (struct series){ 0 };
}

void text(char *out, size_t cap, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(out, cap, format, args);
	va_end(args);
}

void say(const char *format, ...)
{
	va_list args;

	fputs("bench: ", stderr);
	va_start(args, format);
	(void)vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
}

void row_add(const struct row *r)
{
	if (row_count < ROWS_MAX)
		rows[row_count++] = *r;
	if (r->met == ROW_FAILED)
		incomplete = true;
}

void row_failed(const char *figure, const char *why)
{
	struct row r = { .met = ROW_FAILED };

	TEXT(r.figure, "%s", figure);
	TEXT(r.beside, "%s", why);
	row_add(&r);
	say("%s: %s", figure, why);
}

/* printf counts bytes; a column counts characters. */
static void cell(const char *s, int width)
{
	int shown = 0;

	for (const char *c = s; *c; c++)
		shown += ((unsigned char)*c & 0xc0) != 0x80;
	printf("%s%*s  ", s, width > shown ? width - shown : 0, "");
}

static void print_row(const struct row *r, const char *met)
{
	cell(r->figure, 44);
	cell(r->value, 14);
	cell(r->beside, 40);
	cell(r->ratio, 7);
	cell(r->target, 20);
	puts(met);
}

bool rows_print(bool doubtful)
{
	static const char *const word[2][4] = { { "", "met", "not met", "NOT MEASURED" },
						{ "", "met?", "not met?", "NOT MEASURED" } };
	static const struct row head = {
		"figure", "ours", "beside it", "ratio", "target", ROW_SHOWN
	};

	print_row(&head, "");
	for (size_t i = 0; i < row_count; i++)
		print_row(&rows[i], word[doubtful][rows[i].met]);
	if (incomplete)
		puts("\nSomething could not be measured; the reasons stand in the table.");
	return !incomplete;
}
