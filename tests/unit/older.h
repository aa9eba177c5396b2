/* What makes a state folder one of an older version: everything that came later is taken away. */
#ifndef KENMON_TEST_OLDER_H
#define KENMON_TEST_OLDER_H

#define OLDER_WITHOUT_INDEX                                                                        \
	"DROP TABLE audit_of; DELETE FROM meta WHERE key = 'indexed';"                             \
	"CREATE INDEX audit_subject ON audit (subject);"
#define OLDER_WITHOUT_PHONES                                                                       \
	OLDER_WITHOUT_INDEX                                                                        \
	"DROP TABLE challenge; DROP TABLE budget; DELETE FROM meta WHERE key = 'forgotten';"
#define OLDER_WITHOUT_PEOPLE                                                                       \
	OLDER_WITHOUT_PHONES                                                                       \
	"DROP INDEX credential_until; DROP INDEX operator_role;"                                   \
	"ALTER TABLE credential DROP COLUMN waiting; ALTER TABLE credential DROP COLUMN until;"    \
	"DROP TABLE work_key; DROP TABLE finger_key;"                                              \
	"DROP TABLE request; DROP TABLE invitation; DROP TABLE purpose;"                           \
	"DROP TABLE consent; DROP TABLE feed; DROP TABLE stage; DROP TABLE due;"                   \
	"DROP TABLE certificate; DROP TABLE epoch_end; DROP TABLE leaver; DROP TABLE run_day;"     \
	"DROP INDEX operator_uid; DELETE FROM meta WHERE key IN ('founded', 'review', 'brake', "   \
	"'bundle', 'permits');"
#define OLDER_1                                                                                    \
	OLDER_WITHOUT_PEOPLE "DROP INDEX credential_finger; DROP TABLE template;"                  \
			     "UPDATE meta SET value = x'31' WHERE key = 'schema'"
#define OLDER_2 OLDER_WITHOUT_PEOPLE "UPDATE meta SET value = x'32' WHERE key = 'schema'"
#define OLDER_3 OLDER_WITHOUT_PHONES "UPDATE meta SET value = x'33' WHERE key = 'schema'"
#define OLDER_4 OLDER_WITHOUT_INDEX "UPDATE meta SET value = x'34' WHERE key = 'schema'"

#endif
