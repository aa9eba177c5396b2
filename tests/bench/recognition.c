/*
 * How well the matcher tells fingers apart, on minutiae of public prints:
 *
 *   recognition DIR [DET.svg]
 *
 * Each *.txt in DIR is a set: lines `# finger F impression I minutiae N`, then N lines
 * `x y theta`. Protocols: one to one as in the FVC competitions (genuine: all pairs of
 * impressions of a finger; impostors: all pairs of different fingers of a set; one threshold
 * over all sets), and enrolment of impressions 1 to 5, with 6 and up as probes of the same
 * finger and of every other finger of every set.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../authd/matcher/match.h"
#include "../../authd/matcher/print.h"

#define IMPRESSIONS 2000
#define ENROLLED    5

struct impression {
	unsigned set, finger, number;
	struct km_minutiae minutiae;
	struct print *print;
};

static struct impression all[IMPRESSIONS];
static unsigned impressions, sets;
static struct match_work *work;

/* Numbers of one kind: scores, or times in nanoseconds. */
struct list {
	size_t n, room;
	int64_t *at;
};

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "recognition: out of memory\n");
		exit(1);
	}
	return p;
}

static void add(struct list *l, int64_t value)
{
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 1024;
		l->at = must(realloc(l->at, l->room * sizeof *l->at));
	}
	l->at[l->n++] = value;
}

static int by_value(const void *p, const void *q)
{
	int64_t a = *(const int64_t *)p, b = *(const int64_t *)q;

	return a < b ? -1 : a > b;
}

static void sort(struct list *l)
{
	if (l->n)
		qsort(l->at, l->n, sizeof *l->at, by_value);
}

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* what else runs here is not ours */
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* --- reading ------------------------------------------------------------------------------- */

static void bad(const char *path, unsigned line)
{
	fprintf(stderr, "recognition: %s:%u: not as it should be\n", path, line);
	exit(1);
}

static void read_impression(FILE *f, const char *path, unsigned *line, struct impression *out,
			    unsigned count)
{
	int x, y, theta;

	for (unsigned i = 0; i < count; i++) {
		++*line;
		if (fscanf(f, "%d %d %d\n", &x, &y, &theta) != 3)
			bad(path, *line);
		out->minutiae.at[i] = (struct km_minutia){ (int16_t)x, (int16_t)y, (int16_t)theta };
	}
	out->minutiae.count = (uint16_t)count;
}

static void read_set(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned line = 0, finger, number, count;

	if (!f) {
		fprintf(stderr, "recognition: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	while (fscanf(f, "# finger %u impression %u minutiae %u\n", &finger, &number, &count) ==
	       3) {
		struct impression *i = &all[impressions];

		line++;
		if (count > KM_MINUTIAE_MAX || impressions == IMPRESSIONS)
			bad(path, line);
		*i = (struct impression){ .set = sets, .finger = finger, .number = number };
		read_impression(f, path, &line, i, count);
		impressions++;
	}
	if (!feof(f))
		bad(path, line + 1);
	fclose(f);
	sets++;
}

static int is_set(const struct dirent *e)
{
	size_t len = strlen(e->d_name);

	return len > 4 && !strcmp(e->d_name + len - 4, ".txt");
}

static void read_all(const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, is_set, alphasort);
	char path[4096];

	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name);
		read_set(path);
		free(names[i]);
	}
	if (n <= 0 || !impressions) {
		fprintf(stderr, "recognition: no *.txt in %s\n", dir);
		exit(1);
	}
	free(names);
}

/* --- rates --------------------------------------------------------------------------------- */

/* How many of a sorted list are at least t. */
static size_t at_least(const struct list *l, int64_t t)
{
	size_t low = 0, high = l->n;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (l->at[mid] < t)
			low = mid + 1;
		else
			high = mid;
	}
	return l->n - low;
}

static double fmr(const struct list *impostor, int64_t t)
{
	return impostor->n ? (double)at_least(impostor, t) / (double)impostor->n : 0;
}

static double fnmr(const struct list *genuine, int64_t t)
{
	return genuine->n ? 1 - (double)at_least(genuine, t) / (double)genuine->n : 0;
}

/* The least threshold with a false match rate of at most `rate`. */
static int64_t threshold_for(const struct list *impostor, double rate)
{
	size_t may = (size_t)(rate * (double)impostor->n);

	return may < impostor->n ? impostor->at[impostor->n - 1 - may] + 1 : INT32_MIN;
}

static double equal_error(const struct list *genuine, const struct list *impostor)
{
	double best = 1, eer = 1;

	for (size_t i = 0; i < genuine->n; i++) {
		double a = fmr(impostor, genuine->at[i]), b = fnmr(genuine, genuine->at[i]);

		if ((a > b ? a - b : b - a) < best) {
			best = a > b ? a - b : b - a;
			eer = (a + b) / 2;
		}
	}
	return eer;
}

/* --- one to one ---------------------------------------------------------------------------- */

static struct list genuine, impostor, foreign, times, makes;

static void prepare(void)
{
	for (unsigned i = 0; i < impressions; i++) {
		int64_t start;

		all[i].print = must(malloc(print_size()));
		start = now();
		print_make(&all[i].minutiae, work, all[i].print);
		add(&makes, now() - start);
	}
	sort(&makes);
}

static void one_to_one(void)
{
	for (unsigned i = 0; i < impressions; i++)
		for (unsigned j = i + 1; j < impressions; j++) {
			int64_t start = now(), end;
			int32_t score = print_compare(all[i].print, all[j].print, work);

			end = now();
			if (all[i].set != all[j].set) {
				add(&foreign, score);
				continue;
			}
			add(all[i].finger == all[j].finger ? &genuine : &impostor, score);
			add(&times, end - start);
		}
	sort(&genuine);
	sort(&impostor);
	sort(&foreign);
	sort(&times);
}

static double ms(const struct list *l, double share)
{
	return (double)l->at[(size_t)(share * (double)(l->n - 1))] / 1e6;
}

static double mean_ms(const struct list *l)
{
	double sum = 0;

	for (size_t i = 0; i < l->n; i++)
		sum += (double)l->at[i] / 1e6;
	return sum / (double)l->n;
}

static void report_one_to_one(void)
{
	static const double rates[] = { 1e-2, 1e-3, 1e-4 };
	int64_t fixed = gallery_threshold(1);

	printf("One to one: %u sets, %zu genuine pairs, %zu impostors\n", sets, genuine.n,
	       impostor.n);
	printf("  EER %.2f %%\n", 100 * equal_error(&genuine, &impostor));
	for (unsigned i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		int64_t t = threshold_for(&impostor, rates[i]);

		printf("  FMR %.4f: FNMR %.2f %% (threshold %.2f)\n", rates[i],
		       100 * fnmr(&genuine, t), (double)t / 1e3);
	}
	printf("  at our threshold %.2f: FNMR %.2f %%, FMR %.5f (%zu of %zu), over all sets %zu of "
	       "%zu\n",
	       (double)fixed / 1e3, 100 * fnmr(&genuine, fixed), fmr(&impostor, fixed),
	       at_least(&impostor, fixed), impostor.n,
	       at_least(&impostor, fixed) + at_least(&foreign, fixed), impostor.n + foreign.n);
	printf("  a comparison: mean %.3f ms, 99 %% %.3f ms, worst %.3f ms\n", mean_ms(&times),
	       ms(&times, 0.99), ms(&times, 1));
	printf("  preparing an impression: mean %.3f ms, worst %.3f ms\n", mean_ms(&makes),
	       ms(&makes, 1));
}

/* --- enrol five ---------------------------------------------------------------------------- */

struct enrolment {
	unsigned tries, missed, strangers, false_matches;
};

/* Adds the finger whose first impression is all[first], as template number `index`. */
static void add_finger(struct gallery *g, unsigned index, unsigned first)
{
	static struct finger_template t;

	t.count = 0;
	for (unsigned i = first; i < impressions && t.count < ENROLLED; i++)
		if (all[i].set == all[first].set && all[i].finger == all[first].finger &&
		    all[i].number <= ENROLLED)
			t.impression[t.count++] = all[i].minutiae;
	gallery_add(g, index, &t, work);
}

static struct enrolment enrol_five(void)
{
	struct gallery *g = must(malloc(gallery_size(ENROLLED)));
	struct enrolment e = { 0 };

	for (unsigned i = 0; i < impressions; i++) {
		if (all[i].number != 1)
			continue;
		gallery_init(g);
		add_finger(g, 0, i);
		for (unsigned j = 0; j < impressions; j++) {
			bool same = all[i].set == all[j].set && all[i].finger == all[j].finger;
			struct match_finding f;

			if (all[j].number <= ENROLLED)
				continue;
			gallery_search(g, &all[j].minutiae, work, &f);
			e.tries += same;
			e.strangers += !same;
			e.missed += same && f.outcome != KM_MATCH_YES;
			e.false_matches += !same && f.outcome == KM_MATCH_YES;
		}
	}
	free(g);
	return e;
}

/* As many fingers of one set as one login may lend, against the probes of all sets. */
static void enrol_all(unsigned set)
{
	struct gallery *g = must(malloc(gallery_size(KM_GRANT_TEMPLATES * ENROLLED)));
	struct enrolment e = { 0 };
	struct list took = { 0 };
	unsigned lent[KM_GRANT_TEMPLATES], fingers = 0;

	gallery_init(g);
	for (unsigned i = 0; i < impressions && fingers < KM_GRANT_TEMPLATES; i++)
		if (all[i].set == set && all[i].number == 1) {
			add_finger(g, fingers, i);
			lent[fingers++] = all[i].finger;
		}
	for (unsigned i = 0; i < impressions; i++) {
		struct match_finding f;
		int64_t start = now();
		bool same;

		if (all[i].number <= ENROLLED)
			continue;
		gallery_search(g, &all[i].minutiae, work, &f);
		same = all[i].set == set;
		if (same)
			add(&took, now() - start);
		e.tries += same;
		e.strangers += !same;
		e.missed += same && f.outcome != KM_MATCH_YES;
		e.false_matches +=
		    f.outcome == KM_MATCH_YES && !(same && lent[f.index] == all[i].finger);
	}
	sort(&took);
	if (took.n)
		printf(
		    "  set %u, %u fingers of %d lent: %u missed of %u, %u false of %u strangers; "
		    "a search that finds: mean %.2f ms, worst %.2f ms\n",
		    set + 1, fingers, ENROLLED, e.missed, e.tries, e.false_matches, e.strangers,
		    mean_ms(&took), ms(&took, 1));
	free(took.at);
	free(g);
}

/* --- the curve ----------------------------------------------------------------------------- */

/* Decades of FMR to the right (1e-5 to 1), FNMR upwards (0 to 30 %). */
static void write_curve(const char *path)
{
	FILE *f = fopen(path, "we");

	if (!f) {
		fprintf(stderr, "recognition: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	fprintf(f, "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 640 460' "
		   "font-family='sans-serif' font-size='12'>\n"
		   "<rect width='640' height='460' fill='white'/>\n"
		   "<text x='320' y='18' text-anchor='middle'>False non-matches against false "
		   "matches, one to one</text>\n");
	for (int d = 0; d <= 5; d++)
		fprintf(f,
			"<path d='M%d 30V410' stroke='#ccc'/><text x='%d' y='428' "
			"text-anchor='middle'>1e-%d</text>\n",
			60 + 110 * d, 60 + 110 * d, 5 - d);
	for (int p = 0; p <= 30; p += 5)
		fprintf(f,
			"<path d='M60 %dH610' stroke='#ccc'/><text x='52' y='%d' "
			"text-anchor='end'>%d %%</text>\n",
			410 - p * 380 / 30, 414 - p * 380 / 30, p);
	fprintf(f, "<polyline fill='none' stroke='#036' stroke-width='2' points='");
	for (int step = 0; step <= 110; step++) {
		double x = step / 22.0, rate = 1e-5, miss;

		for (int k = 0; k < step; k++)
			rate *= 1.1103363181676378; /* ten to the power of 1/22 */
		miss = fnmr(&genuine, threshold_for(&impostor, rate));
		if (rate * (double)impostor.n >= 0.999)
			fprintf(f, "%.1f,%.1f ", 60 + 110 * x,
				410 - (miss > 0.3 ? 0.3 : miss) * 380 / 0.3);
	}
	fprintf(f, "'/>\n</svg>\n");
	if (fclose(f)) {
		fprintf(stderr, "recognition: %s: %s\n", path, strerror(errno));
		exit(1);
	}
	printf("DET curve: %s\n", path);
}

int main(int argc, char **argv)
{
	struct enrolment e;

	if (argc < 2) {
		fprintf(stderr, "usage: recognition DIR [DET.svg]\n");
		return 2;
	}
	work = must(calloc(1, match_work_size()));
	read_all(argv[1]);
	prepare();
	one_to_one();
	report_one_to_one();
	e = enrol_five();
	printf("Enrolment of %d: %u missed of %u, %u of %u strangers matched, at threshold %.2f\n",
	       ENROLLED, e.missed, e.tries, e.false_matches, e.strangers,
	       (double)gallery_threshold(ENROLLED) / 1e3);
	for (unsigned set = 0; set < sets; set++)
		enrol_all(set);
	if (argc > 2)
		write_curve(argv[2]);
	printf("one-to-one eer=%.2f fnmr_1e4=%.2f mean_ms=%.3f worst_ms=%.3f\n",
	       100 * equal_error(&genuine, &impostor),
	       100 * fnmr(&genuine, threshold_for(&impostor, 1e-4)), mean_ms(&times),
	       ms(&times, 1));
	printf("enrol-five fnmr=%.2f false=%u of=%u\n", e.tries ? 100.0 * e.missed / e.tries : 0,
	       e.false_matches, e.strangers);
	return 0;
}
