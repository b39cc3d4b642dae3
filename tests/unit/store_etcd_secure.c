/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in a real etcd that speaks TLS, asks for a client's certificate, and knows users.
 */
#include "store_cases.h"

#include "base/file.h"
#include "etcd_server.h"

#define ADDRESS "127.0.0.1:2379"

static struct etcd_server etcd;
static unsigned case_number;
static char ca[64], other_ca[64], certificate[64], named_certificate[64], key[64], password_file[64];

static const struct store_access good = {
	.ca = ca,
	.certificate = certificate,
	.key = key,
	.user = "pilus",
	.password_file = password_file,
};

/* ── etcd ── */

static void server_start(const char *certificate_name)
{
	_cleanup_free_ char *flags =
		xasprintf("--listen-client-urls https://" ADDRESS " --advertise-client-urls https://" ADDRESS
	                  " --cert-file %s/%s.pem --key-file %s/server.key --client-cert-auth --trusted-ca-file %s "
	                  "--bcrypt-cost 4",
	                  etcd.folder, certificate_name, etcd.folder, ca);

	etcd_server_start(&etcd, flags);
}

static void server_restart(const char *certificate_name)
{
	etcd_server_kill(&etcd);
	server_start(certificate_name);
}

static void shell(const char *command)
{
	_cleanup_free_ char *inside = xasprintf("cd %s && { %s; } 2>/dev/null", etcd.folder, command);

	assert_int_equal(system(inside), 0);
}

static void make_certificates(void)
{
	shell("for name in ca other; do openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
	      "-keyout $name.key -out $name.pem -subj /CN=$name -days 2 || exit; done; "
	      "for name in server client; do openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes "
	      "-keyout $name.key -out $name.csr -subj /O=$name -addext subjectAltName=IP:127.0.0.1 || exit; "
	      "openssl x509 -req -in $name.csr -CA ca.pem -CAkey ca.key -days 2 -out $name.pem -copy_extensions copy "
	      "|| "
	      "exit; done; "
	      "openssl req -new -key client.key -subj /CN=client | "
	      "openssl x509 -req -CA ca.pem -CAkey ca.key -days 2 -out named.pem && "
	      "openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 0 -out old.pem -copy_extensions copy");
}

static void ask_as(const char *token, const char *path, const char *body)
{
	_cleanup_free_ char *url = xasprintf("https://" ADDRESS "/v3/%s", path);
	_cleanup_free_ char *flags =
		xasprintf("--cacert %s --cert %s --key %s -H 'Authorization: %s'", ca, certificate, key, token);

	json_decref(etcd_server_ask(url, flags, body));
}

/* "pilus" may read and write below /pilus/ ("cGlsdXM" and so on is Base64), "guest" nothing. */
static void make_users(void)
{
	ask_as("", "auth/user/add", "{\"name\": \"root\", \"password\": \"r\"}");
	ask_as("", "auth/user/grant", "{\"user\": \"root\", \"role\": \"root\"}");
	ask_as("", "auth/role/add", "{\"name\": \"pilus\"}");
	ask_as("", "auth/role/grant",
	       "{\"name\": \"pilus\", \"perm\": {\"permType\": \"READWRITE\", \"key\": \"L3BpbHVzLw==\", "
	       "\"range_end\": \"L3BpbHVzMA==\"}}");
	ask_as("", "auth/user/add", "{\"name\": \"pilus\", \"password\": \"secret\"}");
	ask_as("", "auth/user/grant", "{\"user\": \"pilus\", \"role\": \"pilus\"}");
	ask_as("", "auth/user/add", "{\"name\": \"guest\", \"password\": \"secret\"}");
	ask_as("", "auth/enable", "{}");
}

static void write_password(const char *text)
{
	assert_int_equal(file_write_atomic(password_file, text, strlen(text), 0600), 0);
}

/* ── the cases ── */

static struct store *open_as(const struct store_access *access)
{
	_cleanup_free_ char *url = xasprintf("etcd:https://" ADDRESS "/pilus/%u", case_number);
	struct store *store;

	assert_int_equal(store_open(&loop, url, access, &store, NULL), 0);
	return store;
}

static struct store *open_store(void)
{
	return open_as(&good);
}

static bool status_says(const struct store *store, const char *state, const char *words)
{
	json_t *status = store_status(store);
	bool said = !strcmp(json_string_value(json_object_get(status, "state")), state) &&
	            strstr(json_string_value(json_object_get(status, "message")), words);

	json_decref(status);
	return said;
}

/* A store opened so does not get through, and says why. */
static void assert_refused(const struct store_access *access, const char *words)
{
	struct store *store = open_as(access);
	struct view view;

	view_open(&view, store, "");
	assert_eventually(status_says(store, "Failure", words));
	assert_int_equal(view.syncs, 0);
	view_close(&view);
	store_close(store);
}

static void where_it_is_is_said(void **state)
{
	struct store *store = open_store();

	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	assert_true(status_says(store, "Ok", "https://" ADDRESS));
	store_close(store);
}

/* An etcd that was started again knows no token of before. */
static void a_token_that_expired_is_renewed(void **state)
{
	struct store *store = open_store();
	struct view view;

	view_open(&view, store, "nodes/");
	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	assert_eventually(seen(&view, "nodes/a"));
	server_restart("server");
	assert_int_equal(put(store, "nodes/c", "{}"), 0);
	assert_eventually(seen(&view, "nodes/c"));
	assert_int_equal(view.removals, 0);
	view_close(&view);
	store_close(store);
}

/* etcd refuses all tokens that are older than the users' last change. */
static void changed_users_do_not_matter(void **state)
{
	struct store *store = open_store();
	struct view view;

	view_open(&view, store, "nodes/");
	assert_int_equal(put(store, "nodes/a", "{}"), 0);
	shell("curl -sf --cacert ca.pem --cert client.pem --key client.key https://" ADDRESS
	      "/v3/auth/authenticate -d '{\"name\": \"root\", \"password\": \"r\"}' | "
	      "sed 's/.*\"token\":\"\\([^\"]*\\)\".*/Authorization: \\1/' >root.header && "
	      "curl -sf --cacert ca.pem --cert client.pem --key client.key -H @root.header https://" ADDRESS
	      "/v3/auth/user/add -d '{\"name\": \"new\", \"password\": \"secret\"}' >/dev/null");
	assert_int_equal(put(store, "nodes/d", "{}"), 0);
	assert_eventually(seen(&view, "nodes/d"));
	view_close(&view);
	store_close(store);
}

static void a_wrong_password_is_said_and_may_be_corrected(void **state)
{
	struct store *store;
	struct view view;

	write_password("wrong\n");
	assert_refused(&good, "check store-user and store-password-file");
	store = open_store();
	view_open(&view, store, "");
	assert_eventually(status_says(store, "Failure", "check store-user and store-password-file"));
	write_password("secret\n");
	assert_eventually(view.syncs);
	assert_true(status_says(store, "Ok", ""));
	view_close(&view);
	store_close(store);
}

static void a_lost_password_is_said(void **state)
{
	struct store_access access = good;

	access.password_file = "/nowhere/password";
	assert_refused(&access, "cannot read the password from /nowhere/password");
}

static void no_user_and_no_rights_are_said(void **state)
{
	struct store_access nobody = good, guest = good;
	struct answer answer;
	struct store *store;

	nobody.user = nobody.password_file = NULL;
	store = open_as(&nobody);
	answer = get(store, "a");
	if (!strstr(answer.text, "set store-user and store-password-file"))
		fail_msg("%s", answer.text);
	store_close(store);

	guest.user = "guest";
	store = open_as(&guest);
	answer = get(store, "a");
	assert_int_equal(answer.result, -EACCES);
	assert_non_null(strstr(answer.text, "read and write the store's prefix"));
	store_close(store);
}

static void a_server_of_another_authority_is_refused(void **state)
{
	struct store_access access = good;

	access.ca = other_ca;
	assert_refused(&access, "SSL certificate problem: ");
}

static void an_expired_certificate_is_refused(void **state)
{
	server_restart("old");
	assert_refused(&good, "certificate has expired");
	server_restart("server");
}

static void a_client_without_certificate_is_refused(void **state)
{
	struct store_access access = good;

	access.certificate = access.key = NULL;
	assert_refused(&access, "certificate");
}

/* etcd's gateway takes no names from certificates, and refuses those that have one: when there are users. */
static void a_certificate_with_a_name_is_explained(void **state)
{
	struct store_access access = good;

	access.certificate = named_certificate;
	assert_refused(&access, "certificates without a common name");
}

static void files_that_hold_something_else_are_named(void **state)
{
	struct store_access access = good;

	access.key = ca;
	assert_refused(&access, ca);
}

/* ── the group ── */

static void path(char text[static 64], const char *name)
{
	snprintf(text, 64, "%s/%s", etcd.folder, name);
}

static int group_setup(void **state)
{
	if (etcd_server_prepare(&etcd))
		return -1;
	path(ca, "ca.pem");
	path(other_ca, "other.pem");
	path(certificate, "client.pem");
	path(named_certificate, "named.pem");
	path(key, "client.key");
	path(password_file, "password");
	make_certificates();
	write_password("secret\n");
	server_start("server");
	make_users();
	return 0;
}

static int group_teardown(void **state)
{
	return etcd_server_remove(&etcd);
}

static int case_setup(void **state)
{
	case_number++;
	return loop_setup(state);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, case_setup, loop_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SHARED_CASES(CASE),
		CASE(where_it_is_is_said),
		CASE(a_token_that_expired_is_renewed),
		CASE(changed_users_do_not_matter),
		CASE(a_wrong_password_is_said_and_may_be_corrected),
		CASE(a_lost_password_is_said),
		CASE(no_user_and_no_rights_are_said),
		CASE(a_server_of_another_authority_is_refused),
		CASE(an_expired_certificate_is_refused),
		CASE(a_client_without_certificate_is_refused),
		CASE(a_certificate_with_a_name_is_explained),
		CASE(files_that_hold_something_else_are_named),
	};

	return etcd_server_possible() ?: cmocka_run_group_tests(tests, group_setup, group_teardown);
}
