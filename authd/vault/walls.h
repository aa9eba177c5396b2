/* The vault's walls: which paths, and the table of what it may do there. */
#ifndef KENMON_VAULT_WALLS_H
#define KENMON_VAULT_WALLS_H

#include <kenmon/wall.h>

struct vault_places {
	const char *state_dir;
	const char *kek_dir; /* may be NULL */
	const char *key;     /* NULL: in the state folder */
	const char *config, *machine_id;
	bool create; /* the folders, and the key */
};

#define VAULT_WALL_PATHS 10
struct vault_wall {
	struct km_wall wall;
	struct km_wall_path path[VAULT_WALL_PATHS];
	char key[PATH_MAX], config[PATH_MAX], drop_ins[PATH_MAX];
};

/* The table; valid as long as w and the places are. */
void vault_wall(struct vault_wall *w, const struct vault_places *p);

/* Puts them up; gaps: what is missing, which is in the log. False: the kernel refuses, likewise. */
KM_MUST_CHECK bool vault_confine(const struct vault_places *p, unsigned *gaps);

#endif
