/*
 * The purpose text that is shipped, for sites that write none of their own. What it says of kenmon is
 * so; what a site promises beside it (whom to ask, by which law or works agreement) belongs into the
 * site's own file ([consent] purpose). A changed text is a new version, to be agreed to anew.
 */
#include "purpose.h"

/* clang-format off */
const char *const desk_purpose_shipped[KM_LANG_COUNT] = {
	[KM_LANG_EN] =
	    "What is taken from your finger, and what for\n"
	    "\n"
	    "1. What is taken. Your finger is read several times. From each reading, only the places "
	    "where its ridges end and fork are kept: a list of numbers. No picture is kept. The list "
	    "cannot be turned back into the picture, but it does identify you, and you cannot change "
	    "your finger as you change a code.\n"
	    "\n"
	    "2. What for. It is the second factor when you log in, beside your password, on this "
	    "computer. It serves nothing else: not working hours, not where you are, no investigation, "
	    "no comparison with other people or with other collections.\n"
	    "\n"
	    "3. Where it is kept. On this computer, encrypted under a key of your own, and in the "
	    "encrypted backup copies that your site makes of it. It is opened only for the moment "
	    "of a login in your name, or when you enrol another finger, and is shown to nobody. Administrators "
	    "see that a finger is enrolled, which one, when, and with which reader; they cannot see "
	    "the data itself.\n"
	    "\n"
	    "4. How long. Until you leave this post, until the finger is removed, or until you withdraw "
	    "your consent, whichever is first. Then it is destroyed. In the record of what was done "
	    "there remains that a finger was enrolled and removed, without its data.\n"
	    "\n"
	    "5. You are free to refuse. Then you log in with a one-time code instead, and there is "
	    "no disadvantage in it. A code is needed in any case, for readers fail and fingers get "
	    "hurt.\n"
	    "\n"
	    "6. You can withdraw at any time, without giving a reason: type 'kenmon me withdraw' "
	    "and a code of yours, or ask an administrator. Every finger of yours is destroyed at "
	    "once. Your codes stay.\n"
	    "\n"
	    "7. You can see what is stored about you at any time ('kenmon me'), and take it with "
	    "you as a file ('kenmon me export').\n"
	    "\n"
	    "By typing a code of your own, or by signing this on paper, you agree to this. The time, "
	    "the terminal, this text and who was at the desk are kept as evidence.\n",
	[KM_LANG_JA] =
	    "指から取得する情報とその利用目的\n"
	    "\n"
	    "1. 取得する情報。指を数回読み取り、隆線の端点と分岐点の位置だけを数値の一覧 (指紋特徴点) として保存します。"
	    "画像は保存しません。この一覧から画像を復元することはできませんが、本人を識別できる情報であり、"
	    "個人情報の保護に関する法律の個人識別符号に当たります。コードと違い、指を取り替えることはできません。\n"
	    "\n"
	    "2. 利用目的。このコンピューターにログインするときの、パスワードに加える二つ目の要素としてのみ使います。"
	    "勤務時間や所在の管理、調査、ほかの人やほかの情報との照合など、ほかの目的には使いません。\n"
	    "\n"
	    "3. 保存場所。このコンピューターと、そのバックアップの中に、あなた専用の鍵で暗号化して保存します。"
	    "復号するのは、あなたの名前でログインする時と、別の指を登録する時だけで、誰かに見せることはありません。"
	    "管理者に分かるのは、どの指を、いつ、どのリーダーで登録したかだけで、情報そのものは見えません。\n"
	    "\n"
	    "4. 保存期間。この職を離れたとき、指の登録を削除したとき、または同意を撤回したときの、"
	    "いずれか早い時までです。その時に破棄します。操作の記録には、指を登録し削除したという事実だけが残り、"
	    "情報そのものは残りません。\n"
	    "\n"
	    "5. 同意は任意です。同意しない場合は、指の代わりにワンタイムコードでログインでき、不利益はありません。"
	    "リーダーの故障やけがに備えて、コードはいずれにしても必要です。\n"
	    "\n"
	    "6. 同意はいつでも、理由を述べずに撤回できます。「kenmon me withdraw」と入力して自分のコードを入力するか、"
	    "管理者に申し出てください。登録した指の情報は直ちにすべて破棄します。コードはそのまま使えます。\n"
	    "\n"
	    "7. 自分について保存されている情報は、いつでも確認でき (「kenmon me」)、ファイルとして受け取れます (「kenmon me export」)。\n"
	    "\n"
	    "自分のコードを入力するか、書面に署名することで、以上に同意したことになります。日時、"
	    "端末、この文章、立ち会った担当者を、同意の証拠として保存します。\n",
};
/* clang-format on */
