/* Departments that rosters are about, and sets of tags. */
#include <stdlib.h>
#include <string.h>

#include "roster.h"

#define SET_LEAST 1024

/* --- sets: open addressing, never more than half full ---------------------------------------- */

static bool place(struct roster_set *set, uint64_t key)
{
	size_t at = (size_t)key & (set->size - 1);

	while (set->slot[at] && set->slot[at] != key)
		at = (at + 1) & (set->size - 1);
	if (set->slot[at] == key)
		return false;
	set->slot[at] = key;
	set->count++;
	return true;
}

static km_rc grow(struct roster_set *set)
{
	struct roster_set next = { .size = set->size ? 2 * set->size : SET_LEAST };

	next.slot = calloc(next.size, sizeof *next.slot);
	if (!next.slot)
		return KM_ENOMEM;
	for (size_t i = 0; i < set->size; i++)
		if (set->slot[i])
			place(&next, set->slot[i]);
	free(set->slot);
	*set = next;
	return KM_OK;
}

km_rc roster_set_add(struct roster_set *set, uint64_t key, bool *added)
{
	if (2 * set->count >= set->size) {
		km_rc rc = grow(set);

		if (rc != KM_OK)
			return rc;
	}
	*added = place(set, key ? key : 1);
	return KM_OK;
}

bool roster_set_has(const struct roster_set *set, uint64_t key)
{
	size_t at = (size_t)(key = key ? key : 1) & (set->size - 1);

	if (set->size == 0)
		return false;
	while (set->slot[at] && set->slot[at] != key)
		at = (at + 1) & (set->size - 1);
	return set->slot[at] == key;
}

void roster_set_free(struct roster_set *set)
{
	free(set->slot);
	*set = (struct roster_set){ 0 };
}

uint64_t roster_key(const uint8_t tag[KM_TAG_BYTES])
{
	uint64_t key;

	memcpy(&key, tag, sizeof key);
	return key;
}

/* --- departments --------------------------------------------------------------------------------
 */

static size_t trimmed(const char **at, size_t len)
{
	while (len > 0 && **at == ' ') {
		(*at)++;
		len--;
	}
	while (len > 0 && (*at)[len - 1] == ' ')
		len--;
	return len;
}

/* Too many names, or one that is too long: nobody is taken for somebody who is not covered. */
static km_rc read_names(struct km_keys *keys, const char *list, struct roster_scope *scope)
{
	while (*list) {
		size_t part = strcspn(list, ",");
		const char *name = list;
		size_t len = trimmed(&name, part);
		km_rc rc;

		list += part + (list[part] == ',');
		if (len == 0)
			continue;
		if (scope->count == ROSTER_DEPARTMENTS || len >= sizeof scope->name[0])
			return KM_ECONF;
		memcpy(scope->name[scope->count], name, len);
		rc = km_tag_department(keys, scope->name[scope->count], scope->tag[scope->count]);
		if (rc != KM_OK)
			return rc;
		scope->count++;
	}
	return KM_OK;
}

km_rc roster_scope(struct km_keys *keys, const struct km_conf *conf, struct roster_scope *out)
{
	struct roster_scope scope = { .all = !*conf->roster.departments };
	km_rc rc = read_names(keys, conf->roster.departments, &scope);

	if (rc == KM_OK)
		*out = scope;
	return rc;
}

static km_rc add_all(const struct roster_scope *scope, struct roster_set *known)
{
	km_rc rc = KM_OK;
	bool added;

	for (size_t i = 0; rc == KM_OK && i < scope->count; i++)
		rc = roster_set_add(known, roster_key(scope->tag[i]), &added);
	return rc;
}

km_rc roster_add_known(struct km_keys *keys, const struct km_conf *conf,
		       const struct roster_scope *scope, struct roster_set *known)
{
	struct roster_scope other = { 0 };
	km_rc rc = read_names(keys, conf->roster.other_departments, &other);

	if (rc == KM_OK)
		rc = add_all(&other, known);
	return rc == KM_OK ? add_all(scope, known) : rc;
}

bool roster_covers(const struct roster_scope *scope, const uint8_t tag[KM_TAG_BYTES])
{
	for (size_t i = 0; i < scope->count; i++)
		if (memcmp(scope->tag[i], tag, KM_TAG_BYTES) == 0)
			return true;
	return scope->all;
}

bool roster_covers_name(const struct roster_scope *scope, const char *department)
{
	for (size_t i = 0; i < scope->count; i++)
		if (strcmp(scope->name[i], department) == 0)
			return true;
	return scope->all;
}
