/*
 * Unix sockets of type SOCK_SEQPACKET: making, finding and reaching them.
 */
#ifndef KENMON_SOCK_H
#define KENMON_SOCK_H

#include <stdbool.h>
#include <sys/types.h>

#include <kenmon/rc.h>

#define KM_SOCKET_PATH       "/run/kenmon/authd.sock"
#define KM_VAULT_SOCKET_PATH "/run/kenmon/vault.sock"
#define KM_VAULT_USER        "kenmon-vault"

/* "authd", "vault": the names in LISTEN_FDNAMES. */

/*
 * The listening socket that the starter passed under this name (LISTEN_PID,
 * LISTEN_FDS, LISTEN_FDNAMES; sd_listen_fds(3)). Sets close-on-exec. -1: none.
 * With only one socket passed and no names, that one.
 */
int km_listen_fd(const char *name);

/* Makes a listening socket at path (an old one is replaced), with mode and owner. */
KM_MUST_CHECK km_rc km_listen_at(const char *path, mode_t mode, uid_t uid, gid_t gid, int *fd);
/* Why not, right after it; English, never NULL. */
const char *km_listen_text(km_rc rc);

/* Connects; *fd is close-on-exec and blocking. KM_EUNAVAIL when nobody listens there. */
KM_MUST_CHECK km_rc km_connect(const char *path, bool want_stamps, int *fd);

/* The peer's credentials as the kernel wrote them at connect. */
KM_MUST_CHECK km_rc km_peer(int fd, pid_t *pid, uid_t *uid, gid_t *gid);
/* Was the peer in this group then, by its own gid or a supplementary one? */
KM_MUST_CHECK km_rc km_peer_in_group(int fd, gid_t gid, bool *in);

#endif
