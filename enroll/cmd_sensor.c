/* kenmon sensor list. */
#include <grp.h>
#include <string.h>

#include <kenmon/finger.h>

#include "commands.h"

#define READERS_MAX  32 /* more than a machine has ports for */
#define SENSOR_GROUP "kenmon-sensor"

struct readers {
	unsigned count, usable;
	struct reader {
		struct msg_reader_row row;
		enum km_sensor_event state; /* READER: it can be used */
		char driver[sizeof(((struct msg_reader_row *)0)->detail)];
	} reader[READERS_MAX];
	struct desk_nodes nodes;
	struct desk_holders holders[DESK_NODES_MAX];
};

/* READER, or why it is none. A word that says neither, or that is not known here, is no reader. */
static enum km_sensor_event state_of(const char *word)
{
	enum km_sensor_event e = km_sensor_event_parse(word);

	if (e == KM_SENSOR_READER ||
	    (e && km_sensor_event_ends(e) && km_sensor_event_text(e) != KM_TEXT_NOTHING))
		return e;
	return KM_SENSOR_FAILED;
}

/* The sensor says there, behind the driver and a comma, what the reader is good for. */
static void read_detail(struct reader *r)
{
	char *comma;

	memcpy(r->driver, r->row.detail, sizeof(r->driver));
	r->state = (enum km_sensor_event)r->row.event;
	comma = strstr(r->driver, ", ");
	if (r->state != KM_SENSOR_READER || !comma)
		return;
	*comma = '\0';
	r->state = state_of(comma + 2);
}

static km_rc take_reader(struct desk *d, void *arg, const struct km_msg *m)
{
	struct readers *all = arg;
	struct reader *r = &all->reader[all->count];

	(void)d;
	if (m->number != KM_MSG_READER_ROW || all->count == READERS_MAX)
		return KM_EPROTO;
	/* The end of a list is no reader; that there is none is said by its being empty. */
	if (m->reader_row.event == KM_SENSOR_DONE ||
	    (m->reader_row.event == KM_SENSOR_NO_READER && !m->reader_row.reader[0]))
		return KM_OK;
	r->row = m->reader_row;
	read_detail(r);
	all->usable += r->state == KM_SENSOR_READER;
	all->count++;
	return KM_OK;
}

static void find_holders(const struct desk *d, struct readers *r)
{
	const struct group *group = getgrnam(SENSOR_GROUP);
	unsigned i;

	if (group)
		desk_find_nodes(d, group->gr_gid, &r->nodes);
	for (i = 0; i < r->nodes.count; i++)
		desk_find_holders(d, r->nodes.node[i], &r->holders[i]);
}

/* Which node is whose is certain only of one reader with one node. */
static bool is_certain(const struct readers *r)
{
	return r->count == 1 && r->nodes.count == 1;
}

static void holders_json(struct desk_json *j, const struct desk_holders *h)
{
	unsigned i;

	json_open(j, "held_by", '[');
	for (i = 0; h && i < h->count; i++) {
		json_open(j, NULL, '{');
		json_number(j, "pid", h->holder[i].pid);
		json_string(j, "command", h->holder[i].comm);
		json_close(j, '}');
	}
	json_close(j, ']');
}

static void readers_json(struct desk *d, const struct readers *r)
{
	struct desk_json j = { .f = d->out };
	unsigned i;

	json_open(&j, NULL, '[');
	for (i = 0; i < r->count; i++) {
		const struct reader *one = &r->reader[i];

		json_open(&j, NULL, '{');
		json_string(&j, "reader", one->row.reader);
		json_bool(&j, "usable", one->state == KM_SENSOR_READER);
		json_string(&j, "state", km_sensor_event_word(one->state));
		json_string(&j, "driver", one->driver);
		if (is_certain(r))
			json_string(&j, "device", r->nodes.node[0]);
		else
			json_null(&j, "device");
		holders_json(&j, is_certain(r) ? &r->holders[0] : NULL);
		json_close(&j, '}');
	}
	json_close(&j, ']');
	fputc('\n', d->out);
}

/* "fprintd (812), gdm (90)" */
static void name_holders(const struct desk_holders *h, char *out, size_t cap)
{
	size_t at = 0;
	unsigned i;

	out[0] = '\0';
	for (i = 0; i < h->count && at < cap; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s%s (%ld)", i ? ", " : "",
				       h->holder[i].comm, h->holder[i].pid);
}

static km_rc readers_table(struct desk *d, const struct readers *r)
{
	const char *headers[] = {
		desk_text(DESK_COL_READER, d->lang),
		desk_text(DESK_COL_DRIVER, d->lang),
		desk_text(DESK_COL_STATE, d->lang),
	};
	struct desk_table t DESK_TABLE = { 0 };
	unsigned i;

	desk_table_init(&t, headers, sizeof(headers) / sizeof(headers[0]));
	for (i = 0; i < r->count; i++) {
		const struct reader *one = &r->reader[i];

		desk_cell(&t, one->row.reader);
		desk_cell(&t, one->driver);
		desk_cell(&t, one->state == KM_SENSOR_READER
				  ? desk_text(DESK_READER_USABLE, d->lang)
				  : km_text(km_sensor_event_text(one->state), d->lang));
	}
	return desk_table_flush(&t, d->out);
}

static void warn_of_holders(struct desk *d, const struct readers *r)
{
	char held[DESK_HOLDERS_MAX * 40];
	unsigned i;

	for (i = 0; i < r->nodes.count; i++) {
		name_holders(&r->holders[i], held, sizeof(held));
		if (held[0])
			desk_warn(d, DESK_READER_HELD, r->nodes.node[i], held);
	}
	if (desk_fprintd_runs(d))
		desk_warn(d, DESK_FPRINTD_RUNNING, NULL, NULL);
	if (r->count && d->self != 0)
		desk_note(d, DESK_READER_LOOKED_ALONE, NULL, NULL);
}

int cmd_sensor_list(struct desk *d, const struct desk_args *args)
{
	static struct readers r; /* 13 KiB */
	struct km_msg m = { .number = KM_MSG_SENSOR_LIST };
	struct desk_operation o = { .request = &m, .arg = &r, .row = take_reader };
	km_rc rc;

	(void)args;
	memset(&r, 0, sizeof(r));
	rc = desk_operate(d, &o);
	if (rc == KM_OK) {
		find_holders(d, &r);
		if (d->json)
			readers_json(d, &r);
		else if (r.count)
			rc = readers_table(d, &r);
	}
	if (rc == KM_ETIMEOUT && o.done.rc != 0)
		rc = desk_because(d, rc, DESK_READERS_IN_USE, NULL, NULL);
	if (rc != KM_OK)
		return desk_fail(d, rc);
	if (r.usable == 0)
		desk_warn(d, r.count ? DESK_READERS_UNUSABLE : DESK_READERS_NONE, NULL, NULL);
	warn_of_holders(d, &r);
	/* A script asks with this whether a finger can be taken here. */
	return r.usable ? 0 : 1;
}
