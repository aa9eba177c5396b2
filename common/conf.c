/*
 * The configuration: files to a draft, the draft checked as a whole, and only
 * then handed over. libinih splits lines; what a line means is conf.def's.
 */
#include <ini.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <kenmon/conf.h>
#include <kenmon/factor.h>
#include <kenmon/log.h>
#include <kenmon/order.h>
#include <kenmon/sms.h>

#include "conf_file.h"
#include "conf_value.h"

#define BLANKS  " \t\r\v\f"
#define SERVICE "service"

enum section_kind { NO_SECTION, PLAIN_SECTION, SERVICE_SECTION };

/* Where a value came from, for errors found only when everything is read. */
struct place {
	char path[256];
	int line; /* 0: nowhere; it is the default */
};

struct parse {
	struct km_conf draft;
	struct place place[KM_CONF_ROWS];
	bool service_set[KM_CONF_SERVICES][KM_CONF_ROWS]; /* what a service sets itself */
	struct place service_factors[KM_CONF_SERVICES];   /* and where its factors stand */

	/* Of the file at hand. */
	const char *path;
	const char *at, *end;
	int line;
	bool seen[KM_CONF_ROWS]; /* to find what stands twice */
	bool service_seen[KM_CONF_SERVICES][KM_CONF_ROWS];
	enum section_kind kind;
	char section[KM_CONF_TEXT + sizeof(SERVICE)];
	unsigned service; /* index, in a SERVICE_SECTION */

	km_rc rc; /* the first that went wrong */
	struct km_conf_error *error;
};

/* Escaped and short enough for a sentence. */
struct shown {
	char text[80];
};

static struct shown show(const char *text)
{
	struct shown s = { "" };

	km_escape(text, s.text, sizeof(s.text));
	return s;
}

#define FAIL(p, ...)                                                                               \
	((p)->rc = KM_CONF_FAIL((p)->error, KM_ECONF, (p)->path, (p)->line, __VA_ARGS__))
/* With a fault within it, whose sentence is the last value. */
#define FAIL_WHY(p, its, ...) (FAIL(p, __VA_ARGS__, (its)->text), (p)->error->why = (its)->fault)

/* --- sections ------------------------------------------------------------ */

static void enter_service(struct parse *p, const char *name)
{
	struct km_why why;
	unsigned i;

	if (!km_conf_name_fits(name, &why)) {
		FAIL_WHY(p, &why, SERVICE_NAME, show(name).text);
		return;
	}
	for (i = 0; i < p->draft.service_count; i++)
		if (strcmp(p->draft.service[i].name, name) == 0)
			break;
	if (i == KM_CONF_SERVICES) {
		FAIL(p, SERVICES_MANY, show(name).text, KM_CONF_SERVICES);
		return;
	}
	if (i == p->draft.service_count) {
		memcpy(p->draft.service[i].name, name, strlen(name) + 1);
		p->draft.service_count++;
	}
	p->kind = SERVICE_SECTION;
	p->service = i;
	snprintf(p->section, sizeof(p->section), SERVICE " %s", name);
}

static void enter_section(struct parse *p, const char *name)
{
	size_t len = strlen(SERVICE);

	if (strncmp(name, SERVICE, len) == 0 && (name[len] == ' ' || name[len] == '\t')) {
		enter_service(p, name + len + strspn(name + len, BLANKS));
		return;
	}
	for (unsigned i = 0; i < KM_CONF_ROWS; i++)
		if (strcmp(km_conf_rows[i].section, name) == 0) {
			p->kind = PLAIN_SECTION;
			snprintf(p->section, sizeof(p->section), "%s", name);
			return;
		}
	FAIL(p, SECTION_UNKNOWN, show(name).text);
}

/* "[name]" with nothing but a comment after it: libinih would not look there. */
static void read_header(struct parse *p, char *line)
{
	char *end = strchr(line, ']');
	char *rest = end ? end + 1 + strspn(end + 1, BLANKS) : NULL;

	if (!end || (*rest && *rest != ';' && *rest != '#')) {
		FAIL(p, HEADER, show(line).text);
		return;
	}
	*end = '\0';
	line++;
	line += strspn(line, BLANKS);
	for (char *last = end; last > line && strchr(BLANKS, last[-1]);)
		*--last = '\0';
	enter_section(p, line);
}

/* --- lines --------------------------------------------------------------- */

/*
 * Gives libinih one line. It would take an indented line as more of the one
 * before, and cut a long one, both in silence: we take blanks off and refuse
 * what is too long. Comments are not its business.
 */
static char *next_line(char *out, int cap, void *arg)
{
	struct parse *p = arg;
	const char *start = p->at, *stop;
	char header[KM_CONF_TEXT * 4];
	size_t len;

	if (p->rc != KM_OK || p->at == p->end)
		return NULL;
	stop = memchr(start, '\n', (size_t)(p->end - start));
	p->at = stop ? stop + 1 : p->end;
	stop = stop ? stop : p->end;
	p->line++;
	while (start < stop && strchr(BLANKS, *start) && *start)
		start++;
	len = (size_t)(stop - start);
	out[0] = '\0';
	if (memchr(start, '\0', len))
		FAIL(p, ZERO_BYTE);
	else if (len == 0 || *start == '#' || *start == ';')
		return out;
	else if (len + 2 > (size_t)cap || len >= sizeof(header))
		FAIL(p, LINE_LONG, cap - 2);
	else if (*start != '[' && !memchr(start, '=', len))
		FAIL(p, NO_PAIR);
	if (p->rc != KM_OK)
		return NULL;
	memcpy(out, start, len);
	out[len] = '\0';
	if (*out == '[') {
		memcpy(header, out, len + 1);
		read_header(p, header);
		out[0] = '\0';
	}
	return p->rc == KM_OK ? out : NULL;
}

static int find_row(const struct parse *p, const char *key)
{
	const char *section = p->kind == SERVICE_SECTION ? "login" : p->section;

	for (int i = 0; i < KM_CONF_ROWS; i++)
		if (strcmp(km_conf_rows[i].section, section) == 0 &&
		    strcmp(km_conf_rows[i].key, key) == 0)
			return i;
	return -1;
}

static void note_place(const struct parse *p, struct place *at)
{
	snprintf(at->path, sizeof(at->path), "%s", p->path);
	at->line = p->line;
}

static void take_value(struct parse *p, const char *key, const char *value)
{
	int i = p->kind == NO_SECTION ? -1 : find_row(p, key);
	bool in_service = p->kind == SERVICE_SECTION;
	struct km_why why;
	bool *seen;
	void *member;

	if (p->kind == NO_SECTION) {
		FAIL(p, NO_SECTION, show(key).text);
		return;
	}
	if (i < 0) {
		FAIL(p, KEY_UNKNOWN, p->section, show(key).text);
		return;
	}
	seen = in_service ? &p->service_seen[p->service][i] : &p->seen[i];
	if (*seen) {
		FAIL(p, KEY_TWICE, p->section, key);
		return;
	}
	*seen = true;
	member = in_service
		     ? km_conf_in_login(&km_conf_rows[i], &p->draft.service[p->service].login)
		     : (char *)&p->draft + km_conf_rows[i].offset;
	if (!km_conf_value_set(&km_conf_rows[i], value, member, &why)) {
		FAIL_WHY(p, &why, VALUE, p->section, key, show(value).text);
		return;
	}
	if (in_service) {
		p->service_set[p->service][i] = true;
		if (strcmp(key, "factors") == 0)
			note_place(p, &p->service_factors[p->service]);
		return;
	}
	note_place(p, &p->place[i]);
}

static int on_value(void *arg, const char *section, const char *key, const char *value)
{
	struct parse *p = arg;

	(void)section; /* libinih cuts it at 49 bytes; next_line has the whole */
	if (p->rc == KM_OK)
		take_value(p, key, value);
	return p->rc == KM_OK;
}

/* --- files --------------------------------------------------------------- */

static void text_free(struct km_conf_text *text)
{
	free(text->bytes);
}

static km_rc parse_file(struct parse *p, const char *path, bool must_exist)
{
	struct km_conf_text text __attribute__((cleanup(text_free))) = { NULL, 0 };
	int bad;

	p->rc = km_conf_load(path, must_exist, &text, p->error);
	if (p->rc != KM_OK || !text.bytes)
		return p->rc;
	p->path = path;
	p->at = text.bytes;
	p->end = text.bytes + text.len;
	p->line = 0;
	memset(p->seen, 0, sizeof(p->seen));
	p->kind = NO_SECTION;
	memset(p->service_seen, 0, sizeof(p->service_seen));
	if (text.len >= 3 && memcmp(p->at, "\xEF\xBB\xBF", 3) == 0)
		p->at += 3; /* what some editors put first */
	bad = ini_parse_stream(next_line, p, on_value, p);
	if (p->rc == KM_OK && bad < 0)
		p->rc = KM_CONF_FAIL(p->error, KM_ENOMEM, path, 0, MEMORY);
	else if (p->rc == KM_OK && bad > 0) {
		p->line = bad;
		FAIL(p, NO_PAIR);
	}
	return p->rc;
}

static km_rc parse_drop_in(void *arg, const char *path)
{
	return parse_file(arg, path, true);
}

/* --- the whole ----------------------------------------------------------- */

static const struct place *place_of(const struct parse *p, const char *section, const char *key)
{
	for (int i = 0; i < KM_CONF_ROWS; i++)
		if (strcmp(km_conf_rows[i].section, section) == 0 &&
		    strcmp(km_conf_rows[i].key, key) == 0)
			return &p->place[i];
	return &p->place[0];
}

/* The templates of an HTTP gateway, so that 'config check' finds what the courier would refuse. */
static km_rc check_gateway(struct parse *p)
{
	struct km_sms_gateway gateway;
	const struct place *at;
	const char *key = "";
	struct km_why why;
	km_rc rc;

	if (p->draft.sms.gateway != KM_GATEWAY_HTTP ||
	    km_sms_gateway_read(&p->draft, &gateway, &key, &why) == KM_OK)
		return KM_OK;
	at = place_of(p, "sms", key);
	if (at->line == 0)
		at = place_of(p, "sms", "gateway");
	rc = KM_CONF_FAIL(p->error, KM_ECONF, at->path, at->line, GATEWAY, key, why.text);
	p->error->why = why.fault;
	return rc;
}

static km_rc check_whole(struct parse *p)
{
	const struct km_conf_lockout *lockout = &p->draft.lockout;
	const struct place *at;

	if (lockout->longest_wait < lockout->first_wait) {
		at = place_of(p, "lockout", "longest-wait");
		if (at->line == 0)
			at = place_of(p, "lockout", "first-wait");
		return KM_CONF_FAIL(p->error, KM_ECONF, at->path, at->line, LONGEST_WAIT,
				    lockout->longest_wait, lockout->first_wait);
	}
	return check_gateway(p);
}

/* What a service does not say itself is what [login] says, wherever in the files it stands. */
static void complete_services(struct parse *p)
{
	for (unsigned s = 0; s < p->draft.service_count; s++) {
		struct km_conf_login *own = &p->draft.service[s].login;

		for (unsigned i = 0; i < KM_CONF_ROWS; i++) {
			void *member = km_conf_in_login(&km_conf_rows[i], own);

			if (member && !p->service_set[s][i])
				km_conf_value_copy(
				    &km_conf_rows[i], member,
				    km_conf_in_login(&km_conf_rows[i], &p->draft.login));
		}
	}
}

/* Nobody could pass a step whose codes never leave: said here, and not at the first login. */
static km_rc check_ways_out(struct parse *p, const struct km_conf_login *login, const char *section,
			    const struct place *at)
{
	uint32_t all = 0;

	for (unsigned i = 0; i < login->factors.count; i++)
		all |= login->factors.factors[i];
	if ((all & KM_FACTOR_BIT(KM_FACTOR_SMS)) && p->draft.sms.gateway == KM_GATEWAY_NONE)
		return KM_CONF_FAIL(p->error, KM_ECONF, at->path, at->line, NO_SMS, section);
	if ((all & KM_FACTOR_BIT(KM_FACTOR_VOICE)) && !p->draft.voice.server[0])
		return KM_CONF_FAIL(p->error, KM_ECONF, at->path, at->line, NO_VOICE, section);
	return KM_OK;
}

static km_rc check_services(struct parse *p)
{
	char section[KM_CONF_TEXT + sizeof(SERVICE)];
	km_rc rc = check_ways_out(p, &p->draft.login, "login", place_of(p, "login", "factors"));

	for (unsigned s = 0; rc == KM_OK && s < p->draft.service_count; s++) {
		snprintf(section, sizeof(section), SERVICE " %s", p->draft.service[s].name);
		rc = check_ways_out(p, &p->draft.service[s].login, section, &p->service_factors[s]);
	}
	return rc;
}

static void parse_free(struct parse **p)
{
	free(*p);
}

km_rc km_conf_read(const char *path, bool must_exist, struct km_conf *conf,
		   struct km_conf_error *error)
{
	struct parse *p __attribute__((cleanup(parse_free))) = NULL;
	char folder[PATH_MAX];
	km_rc rc;

	if (strlen(path) + sizeof(".d") > sizeof(folder))
		return KM_CONF_FAIL(error, KM_ECONF, path, 0, PATH_LONG);
	snprintf(folder, sizeof(folder), "%s.d", path);
	p = calloc(1, sizeof(*p));
	if (!p)
		return KM_CONF_FAIL(error, KM_ENOMEM, path, 0, MEMORY);
	p->error = error;
	km_conf_defaults(&p->draft);
	rc = parse_file(p, path, must_exist);
	if (rc == KM_OK)
		rc = km_conf_drop_ins(folder, parse_drop_in, p, error);
	if (rc == KM_OK)
		rc = check_whole(p);
	if (rc != KM_OK)
		return rc;
	complete_services(p);
	rc = check_services(p);
	if (rc != KM_OK)
		return rc;
	*conf = p->draft;
	return KM_OK;
}

void km_conf_defaults(struct km_conf *conf)
{
	struct km_why why;

	memset(conf, 0, sizeof(*conf));
	/* A default that its own reader refuses stays zero, which lets nobody in; a test looks. */
	for (int i = 0; i < KM_CONF_ROWS; i++)
		(void)km_conf_value_set(&km_conf_rows[i], km_conf_rows[i].fallback,
					(char *)conf + km_conf_rows[i].offset, &why);
}

const struct km_conf_login *km_conf_login_of(const struct km_conf *conf, const char *service)
{
	for (unsigned i = 0; service && i < conf->service_count; i++)
		if (strcmp(conf->service[i].name, service) == 0)
			return &conf->service[i].login;
	return &conf->login;
}

bool km_conf_is_local(const struct km_conf *conf, const char *service)
{
	for (unsigned i = 0; service && i < conf->local_services.count; i++)
		if (strcmp(conf->local_services.name[i], service) == 0)
			return true;
	return false;
}

void km_conf_each(const struct km_conf *conf,
		  void (*take)(void *arg, const char *section, const char *key, const char *value),
		  void *arg)
{
	char value[KM_CONF_VALUE], section[KM_CONF_TEXT + sizeof(SERVICE)];

	for (int i = 0; i < KM_CONF_ROWS; i++) {
		km_conf_value_print(&km_conf_rows[i], (const char *)conf + km_conf_rows[i].offset,
				    value);
		take(arg, km_conf_rows[i].section, km_conf_rows[i].key, value);
	}
	for (unsigned s = 0; s < conf->service_count; s++) {
		struct km_conf_login login = conf->service[s].login;

		snprintf(section, sizeof(section), SERVICE " %s", conf->service[s].name);
		for (int i = 0; i < KM_CONF_ROWS; i++) {
			const void *member = km_conf_in_login(&km_conf_rows[i], &login);

			if (!member)
				continue;
			km_conf_value_print(&km_conf_rows[i], member, value);
			take(arg, section, km_conf_rows[i].key, value);
		}
	}
}
