"""Who asks a stand-in for Google: an account with a real key, and tokens that are checked."""

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

PROJECT = "the-project"
EMAIL = f"deployer@{PROJECT}.iam.gserviceaccount.com"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
BadToken = jwt.PyJWTError
_PRIVATE = rsa.generate_private_key(public_exponent=65537, key_size=2048)
_SECRET = "what the stand-in signs its tokens with, which nobody else has"


def private_key():
    """Return the service account's key as its file has it."""
    pem, format_ = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return _PRIVATE.private_bytes(pem, format_, serialization.NoEncryption()).decode()


def signed(email, **claims):
    """Return a token for somebody."""
    return jwt.encode({"email": email, **claims}, _SECRET, "HS256")


def check(token, audience=None):
    """Raise `BadToken` if it is none of ours, is over, or is for somebody else."""
    jwt.decode(token, _SECRET, ["HS256"], audience=audience)


def granted(form, place, identity):
    """Return the status and the content with which a request for a token is answered.

    Args:
        form: the request.
        place: the URL that was asked.
        identity: makes an identity token for an e-mail address and an audience.
    """
    if form["grant_type"] == "refresh_token":
        if form["refresh_token"] != "of a person":
            return 400, {"error": "invalid_grant"}
        return 200, {"access_token": signed("a person"), "expires_in": 3600}
    claims = jwt.decode(form["assertion"], _PRIVATE.public_key(), ["RS256"], audience=place)
    if claims["iss"] != EMAIL:
        return 401, {"error": "invalid_client"}
    if "target_audience" in claims:
        return 200, {"id_token": identity(EMAIL, claims["target_audience"])}
    if CLOUD not in claims["scope"].split():
        return 400, {"error": "invalid_scope"}
    return 200, {"access_token": signed(EMAIL), "expires_in": 3600}
