/*
 * Every command of the desk and every option, one line each. Usage, --help
 * and completion are printed from here; kenmon(1) is checked against it.
 */
#include <kenmon/conf.h>
#include <kenmon/finger.h>
#include <kenmon/sock.h>

#include "commands.h"

const struct desk_option desk_globals[] = {
	{ "socket", "PATH", false, KM_SOCKET_PATH, "the daemon's socket", "デーモンのソケット" },
	{ "daemon-user", "NAME|UID", false, KM_VAULT_USER,
	  "whose stamp on the private line is believed", "専用回線の相手として信頼するアカウント" },
	{ "as", "LOGIN", false, NULL,
	  "act as this operator, who is asked for a code of their own; root alone may say it",
	  "この職員として操作する (root のみ)。本人のコードの入力が必要" },
	{ "json", NULL, false, NULL, "write JSON instead of tables and sentences",
	  "表や文の代わりに JSON を出力する" },
	{ "help", NULL, false, NULL, "explain the program, or the command before it",
	  "プログラム、または直前のコマンドの説明を表示する" },
	{ "version", NULL, false, NULL, "print the version", "バージョンを表示する" },
	{ "completion", "SHELL", false, NULL, "print completion for a shell (bash)",
	  "シェル (bash) の補完を出力する" },
	{ 0 },
};

static const struct desk_option operator_add[] = {
	{ "employee-number", "N", true, NULL, "number of the employee; never given to two people",
	  "職員番号。別の人に再び使うことはできない" },
	{ "name", "S", true, NULL, "the person's name", "氏名" },
	{ "department", "D", true, NULL, "department", "部署" },
	{ "role", "R", false, "operator", "operator, registrar, approver, auditor or officer",
	  "operator、registrar、approver、auditor、officer のいずれか" },
	{ "uid", "U", false, NULL,
	  "uid of the account; without it, that of the account here, or of the first login",
	  "アカウントの uid。省略すると、このコンピューターのアカウント、または最初のログインの "
	  "uid" },
	{ "valid-from", "DATE", false, NULL, "first day (2026-04-01, 令和8年4月1日)",
	  "有効期間の最初の日 (2026-04-01、令和8年4月1日)" },
	{ "valid-until", "DATE", false, NULL, "last day, inclusive, in the site's time zone",
	  "有効期間の最後の日。その日を含む (サイトのタイムゾーン)" },
	{ 0 },
};

static const struct desk_option operator_change[] = {
	{ "name", "S", false, NULL, "the person's name", "氏名" },
	{ "department", "D", false, NULL, "department", "部署" },
	{ "role", "R", false, NULL, "operator, registrar, approver, auditor or officer",
	  "operator、registrar、approver、auditor、officer のいずれか" },
	{ "valid-from", "DATE|none", false, NULL, "first day (2026-04-01), or no limit",
	  "有効期間の最初の日 (2026-04-01)。none は制限なし" },
	{ "valid-until", "DATE|none", false, NULL, "last day, inclusive, or no limit",
	  "有効期間の最後の日 (その日を含む)。none は制限なし" },
	{ "mobile", "N|none", false, NULL, "mobile number, or none any more",
	  "携帯電話の番号。none は削除" },
	{ "landline", "N|none", false, NULL, "landline number, or none any more",
	  "固定電話の番号。none は削除" },
	{ 0 },
};

static const struct desk_option reason[] = {
	{ "reason", "S", false, NULL, "why; kept in the audit trail", "理由。監査記録に残る" },
	{ 0 },
};

static const struct desk_option rebind[] = {
	{ "uid", "U", false, NULL, "the new uid; without it, that of the next login",
	  "新しい uid。省略すると、次のログインの uid" },
	{ 0 },
};

/* clang-format off */
#define ENROLL_COMMON \
	{ "digits", "6|7|8", false, "6", "length of a code", "コードの桁数" }, \
	{ "label", "S", false, NULL, "what to call it in listings and in the app", \
	  "一覧と認証アプリに表示する名前" }, \
	{ "secret-file", "FILE", false, NULL, \
	  "import a secret: base32, or hex after 'hex:'; '-' is standard input", \
	  "シークレットを取り込む (base32、または「hex:」に続く十六進数)。「-」は標準入力" }, \
	{ "no-confirm", NULL, false, NULL, "store it without asking for a first code", \
	  "最初のコードを確認せずに登録する" }, \
	{ "qr", "WHEN", false, "auto", "draw the QR code: always, never, or auto (on a terminal)", \
	  "QR コードの表示: always (常に)、never (しない)、auto (端末のとき)" }
/* clang-format on */

static const struct desk_option enroll_totp[] = {
	{ "algorithm", "NAME", false, "sha1", "sha1, sha256 or sha512",
	  "sha1、sha256、sha512 のいずれか" },
	{ "period", "SECONDS", false, "30", "seconds that one code lasts",
	  "一つのコードの有効秒数" },
	ENROLL_COMMON,
	{ 0 },
};

static const struct desk_option enroll_hotp[] = {
	{ "counter", "N", false, "0", "counter of the next code", "次のコードのカウンター" },
	ENROLL_COMMON,
	{ 0 },
};

/* Said as well when it is missing. */
#define KM_FINGER(NAME, number, word, en, ja) " " word
static const char one_finger[] = "one of:"
#include <kenmon/finger.def>
    ;
static const char one_finger_ja[] = "次のいずれか:"
#include <kenmon/finger.def>
    ;
#undef KM_FINGER

static const struct desk_option enroll_fingerprint[] = {
	{ "finger", "NAME", true, NULL, one_finger, one_finger_ja },
	{ "impressions", "N", false, "5", "good impressions that are wanted, 5 to 10",
	  "必要な良好な読み取りの回数 (5 から 10)" },
	{ "consent-on-paper", NULL, false, NULL,
	  "the operator has signed the purpose text on paper; else a code of theirs is asked for",
	  "職員が利用目的の文章に書面で署名した。指定しないと本人のコードを求める" },
	{ "config", "FILE", false, KM_CONF_PATH, "where the site's purpose text is named",
	  "サイトの利用目的の文章を指定する設定ファイル" },
	{ 0 },
};

/* clang-format off */
#define NUMBER_OPTION \
	{ "number", "N|-", false, NULL, \
	  "as people write it: 090-1234-5678, +81 90 1234 5678; without it, or with '-', it is asked for", \
	  "電話番号 (090-1234-5678、+81 90 1234 5678 など)。省略または「-」で入力を求める" }
/* clang-format on */

static const struct desk_option enroll_phone[] = {
	NUMBER_OPTION,
	{ "voice", NULL, false, NULL, "call it, for a landline; else text messages go there",
	  "電話をかける (固定電話など)。指定しないと SMS を送る" },
	{ "label", "S", false, NULL, "what to call it in listings", "一覧に表示する名前" },
	{ "no-confirm", NULL, false, NULL, "store it without sending a first code there",
	  "最初のコードを送って確認せずに登録する" },
	{ 0 },
};

static const struct desk_option courier_test[] = {
	NUMBER_OPTION,
	{ "voice", NULL, false, NULL, "call it; else a text message is sent",
	  "電話をかける。指定しないと SMS を送る" },
	{ 0 },
};

static const struct desk_option invite[] = {
	{ "paper", NULL, false, NULL, "handed over on paper: good for a day, not ten minutes",
	  "書面で渡す。有効期間は十分間ではなく一日" },
	{ "hours", "N", false, NULL, "with --paper: good for so many hours, 1 to 24",
	  "--paper と併用: 有効な時間数 (1 から 24)" },
	{ 0 },
};

static const struct desk_option erase[] = {
	{ "reason", "S", true, NULL, "why; kept in the audit trail", "理由。監査記録に残る" },
	{ "yes", NULL, false, NULL, "do not ask for the login name first",
	  "ログイン名の入力による確認をしない" },
	{ 0 },
};

static const struct desk_option accept[] = {
	{ "yes", NULL, false, NULL, "do not ask first", "確認をしない" },
	{ 0 },
};

static const struct desk_option audit_list[] = {
	{ "login", "LOGIN", false, NULL, "records about one operator", "一人の職員に関する記録" },
	{ "last", "N", false, "50", "the last so many", "最後の件数" },
	{ "all", NULL, false, NULL, "all records", "すべての記録" },
	{ "after", "SEQ", false, NULL, "records after this sequence number",
	  "この連番より後の記録" },
	{ 0 },
};

static const struct desk_option audit_verify[] = {
	{ "anchor", "FILE", false, NULL,
	  "also compare with the judge's anchors, kept elsewhere; '-' is standard input",
	  "別の場所に保管した judge のアンカーとも照合する。「-」は標準入力" },
	{ 0 },
};

/* clang-format off */
#define DAYS_OPTION \
	{ "days", "N", false, NULL, \
	  "where a second person approves it: for so many days, not once", \
	  "二人目の承認が必要な場合に、一度だけでなくこの日数の間の承認を申請する" }
/* clang-format on */

static const struct desk_option backup[] = {
	{ "since", "FULL", false, NULL, "only what differs from this full backup",
	  "この全体バックアップとの差分だけを書き出す" },
	DAYS_OPTION,
	{ 0 },
};

static const struct desk_option key_bundle[] = {
	DAYS_OPTION,
	{ 0 },
};

static const struct desk_option restore[] = {
	{ "check", NULL, false, NULL, "only see whether the files hold; nothing is changed",
	  "ファイルが正しいかどうかを調べるだけで、何も変更しない" },
	{ "since", "FULL", false, NULL, "the full backup to which FILE is the difference",
	  "FILE が差分である場合の、元の全体バックアップ" },
	{ "bundle", "FILE", false, NULL, "the newest key bundle", "最新の鍵バンドル" },
	{ "escrow-key", "FILE", false, NULL, "the private key that opens it (PEM)",
	  "鍵バンドルを開く秘密鍵 (PEM)" },
	{ "state-dir", "DIR", false, NULL, "the state folder to make; empty or not there yet",
	  "作成する状態フォルダー。空か、まだ存在しないもの" },
	{ "key", "PATH", false, NULL, "where the master key is to lie, if not in DIR",
	  "マスターキーを DIR 以外に置く場合の場所" },
	{ 0 },
};

/* clang-format off */
#define REPORT_COMMON \
	{ "format", "F", false, NULL, "text, csv, json or html", \
	  "text、csv、json、html のいずれか" }, \
	{ "output", "FILE", false, NULL, "write to a new file that only its owner can read", \
	  "所有者だけが読める新しいファイルに書き出す" }
/* clang-format on */

static const struct desk_option report_operators[] = { REPORT_COMMON, { 0 } };

static const struct desk_option report_review[] = {
	{ "config", "FILE", false, KM_CONF_PATH, "where the mode of calls stands",
	  "電話の方式 ([voice] mode) の設定ファイル" },
	{ "days", "N", false, "90", "without a login for so many days, or expiring within them",
	  "この日数ログインがない職員と、この日数以内に期限が切れる職員" },
	{ "credential-days", "N", false, "365", "factors older than so many days",
	  "登録からこの日数を過ぎた要素" },
	REPORT_COMMON,
	{ 0 },
};

static const struct desk_option report_due[] = {
	{ "days", "N", false, "30", "what falls due within so many days",
	  "この日数以内に期日が来るもの" },
	REPORT_COMMON,
	{ 0 },
};

static const struct desk_option review_sign_off[] = {
	{ "note", "S", false, NULL, "what was found; kept in the audit trail",
	  "確認の結果。監査記録に残る" },
	{ 0 },
};

static const struct desk_option certificate_show[] = {
	{ "employee-number", "N", false, NULL, "of whoever had this number", "この職員番号の人" },
	{ "format", "FORMAT", false, "text",
	  "text, json (which 'certificate verify' reads), or html (one printable page)",
	  "text、json (「certificate verify」で検証できる)、html (印刷用の一枚)" },
	{ 0 },
};

static const struct desk_option certificate_verify[] = {
	{ "key", "HEX", false, NULL, "the first signer's public key, as the site wrote it down",
	  "サイトで控えた、最初の署名者の公開鍵" },
	{ 0 },
};

static const struct desk_option bundles_destroyed[] = {
	{ "before", "GENERATION", true, NULL, "key bundles from before this key epoch",
	  "この世代より前の鍵バンドル" },
	{ "yes", NULL, false, NULL, "do not ask first", "確認をしない" },
	{ 0 },
};

static const struct desk_option sessions_end[] = {
	{ "yes", NULL, false, NULL, "do not ask first", "確認をしない" },
	{ "as-configured", NULL, false, NULL,
	  "without asking, and only where [erasure] end-sessions = yes",
	  "確認せず、[erasure] end-sessions = yes の場合だけ終了する" },
	{ "config", "FILE", false, KM_CONF_PATH, "where that stands", "その設定ファイル" },
	{ 0 },
};

static const struct desk_option config_check[] = {
	{ "config", "FILE", false, KM_CONF_PATH, "the file to check", "検査するファイル" },
	{ 0 },
};

/* clang-format off */
#define ROSTER_COMMON \
	{ "rows", "N", false, NULL, "how many rows the file must have", \
	  "ファイルにあるべき行数" }, \
	{ "partial", NULL, false, NULL, "who is not in the file is not missing", \
	  "一部の職員だけの名簿として扱う (名簿にない職員に影響しない)" }, \
	{ "made", "DATE-TIME", false, NULL, \
	  "when the roster was made (2026-04-01T09:00); without it, when the file was changed last", \
	  "名簿の作成日時 (2026-04-01T09:00)。省略すると、ファイルの更新日時" }, \
	{ "signature", "FILE", false, NULL, "detached Ed25519 signature of the file", \
	  "ファイルの Ed25519 署名 (別ファイル)" }, \
	{ "config", "FILE", false, KM_CONF_PATH, "where the names of the columns are configured", \
	  "列名の設定ファイル" }
/* clang-format on */

static const struct desk_option roster_check[] = {
	ROSTER_COMMON,
	{ 0 },
};

static const struct desk_option roster_apply[] = {
	ROSTER_COMMON,
	{ "accept-erasures", "N", false, NULL, "go on although the brake holds: exactly so many go",
	  "一括消去の制限を超えて実行する。消去・停止される件数と一致すること" },
	{ "drop-folder", NULL, false, NULL,
	  "FILE is a folder; take every roster that was left there",
	  "FILE をフォルダーとみなし、置かれた名簿をすべて取り込む" },
	{ 0 },
};

static const struct desk_option due_release[] = {
	{ "accept-erasures", "N", true, NULL, "how many the brake holds", "保留されている件数" },
	{ 0 },
};

static const struct desk_option transfer[] = {
	{ "effective", "DATE", true, NULL, "first day on which the operator is refused",
	  "ログインを拒否する最初の日" },
	{ "reason", "S", false, NULL, "why; kept in the audit trail", "理由。監査記録に残る" },
	{ 0 },
};

static const struct desk_option approve[] = {
	{ "digest", "HEX", false, NULL, "agree to what has this digest, without being asked",
	  "このダイジェストの内容に、確認なしで同意する" },
	{ 0 },
};

static const struct desk_option bypass[] = {
	{ "until", "TIME", true, NULL, "17:00, 2026-04-01T17:00 or +8h; at most a day from now",
	  "17:00、2026-04-01T17:00、+8h のいずれか。最長で一日" },
	{ "reason", "S", true, NULL, "why; kept in the audit trail", "理由。監査記録に残る" },
	{ 0 },
};

const struct desk_command desk_commands[] = {
	{ "operator", "add", "LOGIN", "register an operator", "職員を登録する", operator_add,
	  cmd_operator_add },
	{ "operator", "change", "LOGIN", "change name, department, role, dates or numbers",
	  "氏名、部署、役割、期間、電話番号を変更する", operator_change, cmd_operator_change },
	{ "operator", "list", "", "list all operators", "職員の一覧を表示する", NULL,
	  cmd_operator_list },
	{ "operator", "show", "LOGIN", "show one operator and their factors",
	  "職員とその要素を表示する", NULL, cmd_operator_show },
	{ "operator", "suspend", "LOGIN", "refuse every login until resumed", "職員を停止する",
	  reason, cmd_operator_suspend },
	{ "operator", "resume", "LOGIN", "end a suspension", "停止を解除する", reason,
	  cmd_operator_resume },
	{ "operator", "rebind", "LOGIN", "bind to another uid after renumbering",
	  "別の uid に結び付け直す", rebind, cmd_operator_rebind },
	{ "operator", "export", "LOGIN",
	  "all that is stored about an operator, as JSON, for their request",
	  "本人の開示請求のため、保存情報をすべて JSON で出力する", NULL, cmd_operator_export },
	{ "me", "show", "", "what is stored about me", "自分について保存されている情報を表示する",
	  NULL, cmd_me_show },
	{ "me", "export", "", "the same, all of it, as JSON", "その情報をすべて JSON で出力する",
	  NULL, cmd_me_export },
	{ "me", "withdraw", "", "withdraw my consent: my fingers are destroyed, my codes stay",
	  "同意を撤回する。指の情報は消去され、コードは残る", NULL, cmd_me_withdraw },
	{ "consent", "list", "LOGIN", "what an operator has agreed to",
	  "職員の同意の一覧を表示する", NULL, cmd_consent_list },
	{ "consent", "show", "LOGIN", "the same, with the texts", "同意と、その文章を表示する",
	  NULL, cmd_consent_show },
	{ "consent", "withdraw", "LOGIN",
	  "withdraw for an operator who asks for it: their fingers are destroyed",
	  "職員の申し出により同意を撤回する。指の情報は消去される", NULL, cmd_consent_withdraw },
	{ NULL, "invite", "LOGIN", "let an operator enrol a code of their own, by a binding code",
	  "職員が自分でコードを登録するための登録用コードを作る", invite, cmd_invite },
	{ "enroll", "totp", "LOGIN", "enrol a time-based one-time code (RFC 6238)",
	  "時刻によるワンタイムコードを登録する", enroll_totp, cmd_enroll_totp },
	{ "enroll", "hotp", "LOGIN", "enrol a counter-based one-time code (RFC 4226)",
	  "カウンターによるワンタイムコードを登録する", enroll_hotp, cmd_enroll_hotp },
	{ "enroll", "recovery-codes", "LOGIN", "make ten recovery codes, each good once",
	  "一度だけ使えるリカバリーコードを十個作る", NULL, cmd_enroll_recovery_codes },
	{ "enroll", "fingerprint", "LOGIN", "enrol a finger, touched several times",
	  "指紋を登録する", enroll_fingerprint, cmd_enroll_fingerprint },
	{ "enroll", "phone", "LOGIN", "enrol a telephone number to which codes are sent",
	  "コードを送る電話番号を登録する", enroll_phone, cmd_enroll_phone },
	{ "courier", "test", "", "send a message, or call, and say how it goes",
	  "SMS または電話の送信を試し、経過を表示する", courier_test, cmd_courier_test },
	{ "courier", "status", "", "the courier, its gateways and what was sent",
	  "courier とゲートウェイ、送信数の状態を表示する", NULL, cmd_courier_status },
	{ "sensor", "list", "", "list the fingerprint readers and what holds them",
	  "指紋リーダーの一覧を表示する", NULL, cmd_sensor_list },
	{ "credential", "list", "LOGIN", "list the factors of an operator",
	  "職員の要素の一覧を表示する", NULL, cmd_credential_list },
	{ "credential", "remove", "LOGIN ID", "remove one factor", "要素を削除する", NULL,
	  cmd_credential_remove },
	{ NULL, "resync", "LOGIN ID", "find a token's place again by two codes in a row",
	  "連続する二つのコードで再同期する", NULL, cmd_resync },
	{ NULL, "unlock", "LOGIN", "forget failed tries", "ロックを解除する", NULL, cmd_unlock },
	{ "approval", "list", "", "list what waits for a second person",
	  "二人目の承認を待つ申請の一覧を表示する", NULL, cmd_approval_list },
	{ "approval", "show", "ID", "show exactly what a request will do",
	  "申請の内容をすべて表示する", NULL, cmd_approval_show },
	{ "approval", "approve", "ID", "agree: it is done at once", "承認する。すぐに実行される",
	  approve, cmd_approval_approve },
	{ "approval", "reject", "ID", "refuse it, or take back one's own",
	  "却下する、または自分の申請を取り下げる", reason, cmd_approval_reject },
	{ NULL, "bypass", "LOGIN", "print one code, good once and for some hours",
	  "一度だけ、数時間だけ使えるコードを発行する", bypass, cmd_bypass },
	{ "roster", "check", "FILE", "say what a roster would change; changes nothing",
	  "名簿を取り込むと何が変わるかを表示する (何も変更しない)", roster_check,
	  cmd_roster_check },
	{ "roster", "apply", "FILE", "take over a roster: who comes, changes and goes",
	  "名簿を取り込む", roster_apply, cmd_roster_apply },
	{ "roster", "list", "FEED", "what a roster that waits for approval would change",
	  "承認待ちの名簿で何が変わるかを表示する", NULL, cmd_roster_list },
	{ "due", "list", "", "who is to be suspended or erased, and when",
	  "停止・消去の予定を表示する", NULL, cmd_due_list },
	{ "due", "release", "", "let go what the brake holds", "保留されている消去を実行する",
	  due_release, cmd_due_release },
	{ NULL, "transfer", "LOGIN", "refuse and erase an operator from a day on",
	  "指定日から拒否し、情報を消去する (転出)", transfer, cmd_transfer },
	{ NULL, "erase", "LOGIN", "destroy everything stored about an operator",
	  "職員に関する保存情報をすべて消去する", erase, cmd_erase },
	{ "certificate", "list", "", "list what was destroyed of whom", "消去の一覧を表示する",
	  NULL, cmd_certificate_list },
	{ "certificate", "show", "[SUBJECT]", "certify what was destroyed of somebody",
	  "消去証明書を表示する", certificate_show, cmd_certificate_show },
	{ "certificate", "verify", "FILE", "check a certificate, without a vault",
	  "消去証明書を検証する (vault は不要)", certificate_verify, cmd_certificate_verify },
	{ "sessions", "list", "", "list live sessions of people who were erased or have left",
	  "情報を消去された人と離任した人のセッションを表示する", NULL, cmd_sessions_list },
	{ "sessions", "end", "", "end them", "そのセッションを終了する", sessions_end,
	  cmd_sessions_end },
	{ "report", "operators", "", "the register of operators, to be read or printed",
	  "職員の登録簿を出力する", report_operators, cmd_report_operators },
	{ "report", "review", "", "who should be looked at before a review is signed off",
	  "定期確認で見るべき職員を出力する", report_review, cmd_report_review },
	{ "report", "due", "", "who will be suspended or erased, when, and why",
	  "停止または消去の予定を出力する", report_due, cmd_report_due },
	{ "review", "sign-off", "", "record that who may log in was reviewed",
	  "定期確認が済んだことを記録する", review_sign_off, cmd_review_sign_off },
	{ "audit", "list", "", "list records of the audit trail", "監査記録を表示する", audit_list,
	  cmd_audit_list },
	{ "audit", "verify", "", "check that no record was changed, removed or moved",
	  "監査記録の改ざんを調べる", audit_verify, cmd_audit_verify },
	{ "key", "status", "", "the key epoch, when it is closed, and what stands in the way",
	  "鍵の世代と、それが閉じる予定を表示する", NULL, cmd_key_status },
	{ "key", "rotate", "", "close the key epoch now: older copies open no longer",
	  "鍵の世代を今すぐ閉じる", accept, cmd_key_rotate },
	{ "key", "bundle", "FILE", "write the keys of the living, sealed to the escrow key",
	  "在職者の鍵を、預託鍵で封じて書き出す", key_bundle, cmd_key_bundle },
	{ "key", "bundles-destroyed", "", "write down that older key bundles are destroyed",
	  "古い鍵バンドルを破棄したことを記録する", bundles_destroyed, cmd_key_bundles_destroyed },
	{ NULL, "backup", "FILE", "write a copy of both databases without a key in it",
	  "鍵を含まない両データベースの複製を書き出す", backup, cmd_backup },
	{ NULL, "restore", "FILE", "verify a backup, or make a state folder of it",
	  "バックアップを検査するか、状態フォルダーに復元する", restore, cmd_restore },
	{ NULL, "accept", "clock|machine|rollback|administrators",
	  "clear what the daemon found suspicious", "検出された異常を確認のうえ受け入れる", accept,
	  cmd_accept },
	{ "config", "check", "", "check the configuration without using it", "設定を検査する",
	  config_check, cmd_config_check },
	{ NULL, "status", "", "what is well and what is not", "状態を表示する", NULL, cmd_status },
	{ 0 },
};
